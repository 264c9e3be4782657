// Package live plays scenarios in real time: on services that call one another
// over a broker, with an agent in each of their OS processes and a detector
// beside them.
//
//	Scenario ──Play──▶ services, sessions ──▶ broker ◀── detector
//	                        │ journal                       │ verdicts
//	                        ▼                               ▼
//	                   simulation.Record ──scenario.Judge──▶ Run
//
// What a run is judged by is the log that those who play it write: a wait begins
// in it before the agent hears of it, and ends in it after. So what a verdict
// tells was in the log before, and the truth, which package runlog works out,
// owes nothing to agents or detector.
//
// Replicas are not OS processes of their own. Those of all plays share a few
// agents and connections, which the Stage starts once: agents that come and go
// with each play would leave the detector with questions that nobody answers. A
// play in which more goes wrong than processes do has a stage of its own, whose
// detector hears no other agents. Locks, semaphores and the room in buffers are in
// memory: only messages go over the broker.
//
// What fails are connections. They are cut, or they stand still, of an agent, of
// the processes of a replica or of the detector:
//
//	           reports                       reports
//	agent ══════line══════╗           ╔═══════line═══════ detector
//	                      ╠══ broker ══╣
//	processes ═══line═════╝
//	           calls
//
// By chance are only the durations that a scenario draws, which come from the
// seed. How long everything else takes is up to the machine: a run cannot be
// repeated, and bounds on time that a scenario expects, which are meant for
// virtual time, are not asked.
package live
