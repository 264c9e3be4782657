// Package console shows what a detector says to people at a terminal: tables and
// a graph as indented text.
//
//	ID            STATUS     FOUND                 SHAPE       BEFORE  CORE
//	rspvf1r5k8cu  confirmed  2026-11-21T09:00:00Z  cycle of 2  3       server_a:42, server_b:42
//
// Names come from services. What is not printable in them is escaped before it
// gets to a terminal.
package console
