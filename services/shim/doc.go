// Package shim is an engine, and a shim in front of it for streaming clients, that
// come to wait for each other through a bounded buffer.
//
// The engine does one thing at a time. It takes a request from a queue, says so, and
// writes the answer into a bounded buffer, item by item; while the buffer is full it
// waits for space. The shim serves clients over gRPC. It looks as if sending and
// receiving were independent:
//
//	                 ┌───────────────────── shim ─────────────────────┐
//	client ──stream──▶ send ────────┐                                  │
//	                 │              ▼ inbox                            │   [engine.requests]
//	client ◀─stream── receive ◀── send, intake ── receive enqueues ────┼──────▶ engine
//	                 │                    ▲                            │           │
//	                 │                    └─ intake ◀── [engine.answers, bounded] ◀┘
//	                 └────────────────────────────────────────────────┘
//
// The bug: the send routine hands each request to the receive routine, which does
// the enqueuing and waits until the engine has taken the request. While an answer
// fills the buffer, the engine waits for space; the receive routine, which alone
// would make some, waits for the engine. A client that asks for more than the
// buffer holds, and then for anything else, brings it about, however promptly it
// reads. With several clients smaller answers will do, now and then.
//
// The fix is Apart: each send routine enqueues for itself, and the receive routine
// only ever receives. Then a slow reader is what it was taken for at first: slow.
//
// # Where the buffers are
//
// Both are bounded, and seen: engine.answers is a queue with x-max-length and
// reject-publish (amqprpc.Conn.Put), the shim's inbox is a watched.Chan.
//
// # When it times out
//
// The shim gives up what it waits for after Timeout, an hour, and exits: everything
// in it ends, its clients get codes.Unavailable, and it begins anew.
package shim
