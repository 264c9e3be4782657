// Package spansink tells of deadlocks as OpenTelemetry spans, for those who look
// at traces first.
//
//	deadlock  ├──┬────┬──────────────────┬────────────────┤
//	     formed  │    confirmed          stands           resolved
//	             suspected
//	   links: the span of each wait of the core, then of those behind it
//
// Each deadlock becomes one span when it has ended, in a trace of its own. It
// begins when the last wait began, and is linked to the spans that were waiting,
// so that from either side the other is one click away. What was only suspected
// and then retracted becomes none.
//
// Spans are sent by OTLP over HTTP. Whoever announces never waits for that:
// what comes while too many spans wait is dropped, and counted like those that
// could not be delivered. Of what a receiver answers nothing is shown but its
// status, since it may repeat what authenticates the detector.
//
// # Cost
//
// The exporter is OpenTelemetry's own, otlptracehttp. It needs no module that
// the example services do not need, but it links gRPC for the messages that it
// never sends by it: 6 MB of program.
package spansink
