// Package timeline draws who waited when, as an SVG that needs nothing else: no
// script, no font, readable on a light page and on a dark one.
//
//	panel title                                           note
//	         ┊ detected                                     ┊ crash
//	server_a:42            ▐██████████ service_b.compute ███✕
//	service_b.consumer@1   ▐██████████ server_b:42 █████████
//	                       0 s     1 s     2 s     3 s     4 s     5 s
//
// A chart is a column of panels over one time axis, so that two runs can be
// compared by eye. A panel has a lane for each process, a lane has bars (the
// waits of that process) and crosses (its crashes), and marks are lines across
// all lanes of a panel. Times are offsets from the start of the panel.
//
// All text is escaped; what a chart says may come from anywhere.
package timeline
