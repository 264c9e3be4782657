// Package report is the vocabulary in which agents tell the detector what
// processes wait for and what they hold.
//
// An agent reports the state of one process, atomically: everything it waits
// for and everything it holds at one instant.
//
//	caller ──waits for──▶ resource ──held by──▶ callee
//	        (State.Waits)          (State.Holds)
//
// The two ends of an edge are joined on the resource's name, so an edge exists
// only when both ends have been reported. For a request over a broker the
// resource is its reply: the caller's client mints a fresh name for each
// publish attempt, and the callee holds that name from the moment it receives
// the request until it has answered.
//
// # Epochs and order
//
// Each time a process blocks, a new wait epoch begins; epochs are numbered by
// the agent, increase over all its processes and are never reused. While an
// epoch lasts the process grants nothing, so reports of one epoch only add and
// their order does not matter. A report of a later epoch replaces the earlier
// state whole. Seq orders the reports of one Key without gaps; a full report replaces what
// reports of the same epoch with a lower Seq said.
//
// # Hops
//
// A request carries the call chain of the processes that wait for it. Reported
// along with the hold, its hops stand for the states of those processes for as
// long as the reporter's epoch lasts. A hop is a hint: it ends at its deadline
// and yields to what its process reports of itself.
//
// The package is pure: values, comparison and validation, nothing else. How
// they travel is the business of package wire.
package report
