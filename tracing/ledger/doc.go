// Package ledger is the pure core of an agent: it knows which processes of one
// OS process wait for what and hold what, and decides what must be reported
// when. It is single-threaded and takes the time as an argument; package
// tracing puts a lock and a timer around it.
//
//	Block, Receive, ... ──▶ ┌────────┐ ──Collect────▶ reports
//	                        │ Ledger │ ──Heartbeat──▶ digest, memberships
//	Question ──────────────▶└────────┘ ──Answer─────▶ states as of now
//
// # What is reported
//
// A process that blocks is reported at once if that is contention: requests
// wait behind it, it holds a lock, a permit or a buffer, or it waits for anything
// but replies and items. So is a blocked process that receives a request, and any
// process that receives one that the broker delivers again, until it has it no
// more: somebody else may be taken for its holder. Any other wait is reported once it has lasted for
// Config.ReportAfter. A wait that ends before is never heard of.
//
// A report of a blocked process carries the call chains of all requests that it
// owes an answer, handled and queued. Growth within a wait epoch is reported as
// an addition, so that many requests that queue up one by one cost one small
// report each. Of an active process that was reported while it was blocked, one
// state without waits says how the epoch ended.
//
// # Epochs
//
// While an epoch lasts, what the process holds only grows. So a process that
// gave something up while it was blocked (the channel of a request was closed)
// begins a new epoch before it takes anything again: whoever hears of a hold
// twice in one epoch may conclude that it was held in between. The same goes for
// waits: a process of which one of several waits ended begins a new epoch before
// it waits for the same once more. A new one also begins when it stops consuming
// a queue.
//
// A process that gives up one of the waits that it needs, and is blocked on others
// still, begins a new epoch too, if the present one was reported: its next report
// says why. Otherwise the wait that is left would tell how the epoch ended, and a
// timeout that resolved a deadlock would look as if it had been granted. An
// alternative that is lost cannot have freed anybody, and begins none.
//
// # The outbox is a set
//
// What has to be reported is a set of processes, not a queue of events. While a
// message is on its way, further changes of a process overwrite each other, and
// what is sent next is its state by then. So the outbox is bounded by the number
// of processes, and a slow transport costs freshness, never memory.
//
// # Numbers and the digest
//
// The reports of one process are numbered. Collect publishes to all detectors,
// Answer tells only the one that asked; so what an answer numbered for the
// first time is published afterwards under the same number, and all detectors
// see the same row.
//
// A heartbeat summarizes the last number of every process that is still blocked
// as far as the reports tell, and brings along what of this has not been
// published yet. A receiver that got every batch in order finds the digest equal
// to what it knows. Any other asks for everything. Where that is too much for one
// message it gets a part, which says of which processes it leaves out nobody, and asks
// again.
package ledger
