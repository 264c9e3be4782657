// Package tracing is what a service imports so that waitgraph sees its
// processes wait for each other.
//
//	        caller                              callee
//	┌───────────────────────┐          ┌────────────────────────┐
//	│ Block ── the wait     │          │ Receive ── the debt    │
//	│   │                   │ request  │   │                    │
//	│   └─▶ Context, Inject ─┼─────────▶│ Extract    Handling ──▶ handler
//	│ Granted, End ◀────────┼──────────┼── Answered             │
//	└──────────┬────────────┘  reply   └───────────┬────────────┘
//	           ▼                                   ▼
//	         Agent ─────── reports, if need be ── Agent
//
// A process is a thing that does one piece of work at a time and can block: a
// server for one ID, a consumer, one handler execution. An Agent knows what the
// processes of one OS process wait for and hold, and tells a detector when that
// may matter: when requests queue up at a process that is blocked, or when a
// wait lasts. A call that is answered at once costs a header and no message.
//
// Package amqprpc does all of this for RPC over RabbitMQ, and package amqpexport
// ships the reports. Package watched has locks, semaphores and channels. Clients
// and locks of your own call Agent.Block and Process.Receive, as in the diagram.
//
// # The call chain
//
// Each request that somebody waits for carries in a header who does: the
// processes from the outermost caller to the sender. (A caller that holds
// nothing and serves no queue is left out: nobody can come to wait for it.) A
// process that receives a
// request while it is blocked itself, and finds its own wait in the request's
// call chain, waits for itself. So the chain must say the truth: it follows
// obligations, and this is the contract.
//
// # The contract
//
// A process does one thing at a time. Whatever runs with the context of
// Process.Handling is taken to be awaited by the handler. Detach a goroutine
// that the handler does not await:
//
//	go audit(tracing.Detach(ctx))
//
// Say what is needed. Calls that are made at the same time are one wait: for
// All of the replies, Any of them, or a number. Two goroutines of one process
// that block apart from each other are taken to be needed both.
//
// While a process is blocked it grants nothing: it answers no request and
// releases no lock. One that answers nevertheless breaks the contract. This is
// counted (Stats.Breaches), and no verdict about processes of its name is
// confirmed any more.
//
// Answering ends the obligation. What a handler calls after an early answer has
// no caller that waits: it begins a chain of its own.
//
// A process that serves requests of its own call chain while it waits says so
// when it begins: Reentrant.
//
// A message that nobody waits for carries no chain. A chain on a message
// without a place to reply to, or whose last hop does not wait for the reply to
// this very message, is ignored.
//
// Consumers say Process.Joined before they consume a queue, and end with Stop or
// Crash, so that a request that nobody has taken yet is known to wait for any of
// them.
//
// # What it never does
//
// Observation is optional: a nil Agent, Process, Blocking or Obligation is valid
// and does nothing. No method waits for a broker, panics or returns an error;
// what peers send is bounded and validated, and what is no use is counted and
// ignored. There are bounds on all that is remembered; what is beyond them is
// not observed, and counted (Stats.Unseen).
package tracing
