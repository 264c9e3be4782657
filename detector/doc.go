// Package detector finds deadlocks in what agents report, and is sure of them
// before it says so.
//
// It is a pure, single-threaded state machine. Events go in, effects come out;
// it reads no clock, starts no goroutine and does no I/O. One goroutine of the
// shell around it owns it.
//
//	agents ──Reported──▶ ┌──────────┐ ──Ask────────▶ agents
//	broker ──QueueCounted▶│ Detector │ ──CountQueue─▶ broker
//	         Unreachable─▶└──────────┘ ──Announce───▶ people
//	              Step(now, event)   Tick(now)
//
// # From reports to the graph
//
// Of each process the detector knows what its agent reported and what the call
// chains of others hint at; of the two the later wait epoch counts. From that
// it derives what stands in the wait-for graph (package waitfor): a process
// waits for need of its resources, and each is granted by any of its holders.
// A request that nobody is known to have taken is granted by any consumer of
// the queue in which it lies. A resource without a known holder, and a holder
// that is not known to be blocked, count as able to grant: ignorance never
// makes a deadlock.
//
// # From a core to a verdict
//
// A core in the graph is a candidate: suspected. The detector asks the agent
// of each member at once, but has the broker count the queues in which requests
// lie untaken before. It confirms the verdict when every agent has answered,
// after the asking, with the same wait epoch and with the same holds, and when
// the broker's figures agree. An epoch lasts without a break and what is held in
// it stays held, so until the asking all members were blocked together, each on
// the next: whatever clocks, network and names did, that is a deadlock. A candidate that
// cannot be confirmed stays suspected, with the reason, and is asked again.
//
// A verdict is announced at each step of its life and again, at a steady
// interval, while it stands. It keeps its ID while its core grows, loses
// members or swallows another; see Verdict and Status.
//
// # Soft state
//
// Everything known comes from agents and can be had from them again. An
// agent's heartbeat carries a digest of what it reported; when that does not
// match, the detector pulls the complete set. An agent that falls silent loses
// its waits when its lease runs out. What its processes consumed becomes
// unknown, not gone: they may live on. Until every agent that is known of has
// been heard out, the detector is recovering.
//
// # Promises
//
// The same events at the same times give the same effects in the same order.
// Time that runs backwards is taken to stand still. Reports must be valid
// (report.Batch.Validate); beyond that nothing that an agent says can make the
// detector panic, and one agent's reports speak only of its own processes,
// but for the hints in call chains, which are never confirmed unless the
// agent of that process says the same.
package detector
