// Package scenario reads descriptions of systems that call one another, plays
// them in virtual time on real agents' ledgers and a real detector, and holds
// what the detector says against the truth and against what was expected.
//
//	file ──Parse──▶ Scenario ──Play──▶ Run ──▶ expected? true?
//	                   ▲  │
//	         Generate ─┘  └─ Explore ──▶ Scenario with fixed waits
//
// A scenario has services, each with a queue and processes that work on what
// comes in, sessions that begin by themselves, faults at set times, and the
// verdicts that are expected. docs/scenarios.md teaches the format.
//
// Package live plays them in real time, on services that call one another over
// a broker; what it records is judged here all the same.
//
// The truth of a run is worked out from the run's own log by package runlog,
// which shares no code with the detector. Whatever a scenario expects, a run is
// right only if no deadlock was missed and no verdict was false.
//
// Everything random in a run comes from its seed: a run can be repeated to the
// last event. Nothing in this package is safe for concurrent use, except that
// a Scenario that is not changed can be played by several goroutines.
package scenario
