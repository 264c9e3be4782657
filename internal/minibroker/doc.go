// Package minibroker is NOT for production use: it is a small AMQP 0-9-1 broker
// in memory, for the demo and the tests. It stores nothing on disk, knows one
// virtual host ("/") and one user ("guest", password "guest"), and trusts its
// clients about as far as a test does.
//
// What it does, it does as RabbitMQ 3.10 does, down to reply codes and texts; a
// conformance suite drives the same client against both and wants no
// difference. What it does not do, it refuses with 540 NOT_IMPLEMENTED rather
// than to pretend: transactions, basic.get and basic.recover, bindings between
// exchanges, exchanges of type headers, global prefetch, priorities, dead
// lettering and queue types other than classic. Routing by the headers CC and BCC
// is not done either, silently.
//
// # How it is built
//
//	client ── net.Conn ──┬── reader ── frames ──► channel ──► exchange ──► queue
//	                     │                          (one lock)               │
//	                     └── writer ◄── outgoing bytes ◄── consumer ◄────────┘
//
// Each connection has two goroutines. The reader decodes one frame, takes the
// broker's lock and carries the frame out whole: every state change and every
// reply in one step. Replies and deliveries, whoever they are for, are appended
// to the receiving connection's outgoing bytes. The writer swaps these for an
// empty buffer under the lock and writes them without it, so it flushes as soon
// as it has nothing else to do. The lock is never held over I/O.
//
// No part of the broker's state has a timer. Time is read once when the lock is
// taken, and expired messages and queues are dropped at the moment at which
// somebody could notice. Every goroutine waits on a channel or the network, so
// that over [Broker.Pipe] broker and client can live in a testing/synctest
// bubble, where a TTL of an hour takes no time.
//
// # What a client can count on
//
// Effects are in the order of the frames of a connection, and visible to all
// when the reply is. Where RabbitMQ lets a moment pass, for example between a
// connection's close and the end of its exclusive queues, none passes here.
//
// A connection that does not read gets no deliveries beyond 1 MiB of backlog: its
// messages stay in their queues or go to other consumers. One that goes on asking
// for answers without reading them is dropped beyond 16 MiB. Nobody else waits for
// either. Queues without x-max-length or x-max-length-bytes grow until memory ends.
//
// For tests of what goes wrong, [Broker.DropConnections] fails like a network and
// [Broker.Block] like a broker that is short of memory.
package minibroker
