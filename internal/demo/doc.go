// Package demo plays what waitgraph is for, with and without it, and judges
// what came of it.
//
//	           ┌─────────────── broker: embedded or RabbitMQ ───────────────┐
//	callers ──▶│ service_a@1  service_a@2      service_b@1  service_b@2     │
//	           └───────▲────────────────────────────────────────────────▲───┘
//	        hooks      │                             reports, questions │
//	recorder ◀─────────┘                  verdicts ◀── detector sidecar ┘
//
// A phase says what to do, with which working times, and what must come of it.
// While it is played, the recorder notes every wait and crash as the system's
// own hooks tell them, and every announcement of the detector. Afterwards the
// checks of the phase judge the record, and the same record becomes the
// table, the JSON object and the timeline.
//
// The first phases run the system bare. For the others it is built anew with
// an agent in each replica, and the sidecar beside it.
package demo
