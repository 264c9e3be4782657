// Package demo plays examples of systems that deadlock, with waitgraph and
// without it, and judges what came of it.
//
//	          ┌────────────── broker: embedded or RabbitMQ ──────────────┐
//	          │ part   part   part                                       │
//	          └──▲──────▲──────▲───────────────────────────────────▲─────┘
//	  hooks      │      │      │                reports, questions │
//	recorder ◀───┴──────┴──────┴──── verdicts ◀──── detector sidecar ┘
//
// An Example is acts, and an act is a system built on a Stage and the scenes
// that are played on it: with waitgraph beside it, or bare. A part of the system
// stands for one OS process: it has its own agent, if it is watched, and its own
// network, so that it can be killed.
//
// A scene says what to do and what must come of it. While it is played, the
// recorder notes every wait and crash as the system's own hooks tell them, and
// every announcement of the detector. Afterwards the checks of the scene judge
// the record, and the same record becomes a Phase of the Result: a line of the
// table, an element of the JSON object and a panel of the timeline.
//
// The package knows no example. Each has a package of its own beside it, named
// for what it plays: computeplay.
package demo
