// Package simulation puts agents and a detector into a world that knows the
// truth, and holds what the detector says against it.
//
// A world is a random system of processes on several hosts: servers with a
// mailbox each, pools of workers on shared queues, and clients. They run random
// programs of nested calls, parallel calls that need all, any or k replies, calls
// of several goroutines, messages that nobody waits for, locks, permits, bounded
// buffers with one drain or several, full queues of the broker, work,
// timeouts that are caught or that crash, cancellations and early answers. Some
// workers no agent watches, and some leave their queue at times. Each host has a
// real agent's ledger; the reports and questions travel over a network that
// delays, holds back, reorders, duplicates and drops them, on clocks that
// disagree. Hosts die, with or without taking leave, and their processes come back
// on the same host or on another; detectors die and start again knowing nothing.
//
//	programs ──▶ world ──▶ ledgers ──▶ network ──▶ detector
//	                │                                  │ verdicts
//	                └──▶ truth (full reduction) ──▶ score
//
// Time is virtual and everything random comes from one seed, so a run is
// repeatable to the last event. What the score counts as events are steps of
// programs, messages and deaths, not timers.
//
// After every change the truth is worked out from scratch: which processes are
// deadlocked at that instant. A confirmed verdict whose members were deadlocked
// together at no instant since its proof was begun is a phantom; a deadlock that
// stands for longer than Bound on a network that works, without a confirmed
// verdict about it, is a miss. A verdict that goes on telling what has been over
// for longer than Bound, or that ends while its core stands, is a lapse (watch).
// What the detector cannot know for want of a living witness is told apart by
// rules of the world's own (horizon), and counted.
//
// Most worlds last for half a minute, and what is deadlocked for longer than
// Bound is broken soon. One in eight lasts for long, and so do its deadlocks:
// longer than the detector remembers a process that has gone on.
//
// A world that goes wrong is shrunk and kept in testdata: Sweep looks for one,
// Shrink makes it small, TestCases plays what was found. Command soak does so
// for a billion events.
package simulation
