// Package watched has the locks, semaphores and bounded channels of one OS
// process whose waits a detector sees, together with those for replies: a lock
// that is held across a call whose callee needs it, two locks taken in opposite
// order, a channel whose drainer waits for those who fill it.
//
//	Lock, Acquire, Send ──▶ free? ──yes──▶ goes on; no agent hears of it
//	                          │no
//	                          ▼
//	       all holders: Process.Hold      the waiter: Agent.Block, "n can grant it"
//
// Who waits and who holds is the process of the context (tracing.WithProcess,
// tracing.Process.Handling), or for a channel the one that was attached. Its own
// agent is told, so that processes of several agents may share one value. Without
// a process everything works the same and nobody is told; a holder that nobody
// watches may always go on, and what it holds is in no deadlock.
//
// # Who can grant it
//
// Each wait says how many processes can grant it altogether: 1 for a lock, the
// size of a semaphore, the receivers or senders that are attached to a channel.
// So a detector that knows of fewer knows that somebody may be free, and one that
// knows all of them blocked can confirm the deadlock.
//
// # The contract
//
// It is that of package tracing: a process does one thing at a time. Goroutines
// of one process that contend for a lock need processes of their own: two that
// use the same look like one that waits for itself, which for a lock that is not
// reentrant is a deadlock. A process that stops keeps what it has not released,
// as a goroutine that ends keeps a sync.Mutex; nobody is blamed for it.
//
// # Order
//
// Those who wait are served first come, first served, and nobody overtakes them.
// A wait ends with its context and leaves nothing behind. What was granted at the
// moment at which the context ended is granted: without an error, it is held.
//
// Names are those of resources in reports and must be unique in the cluster:
// "orders@host-1:42/ledger" rather than "mu".
//
// All methods are safe for concurrent use.
package watched
