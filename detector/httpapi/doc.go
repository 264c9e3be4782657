// Package httpapi shows a detector over HTTP. It only reads.
//
//	GET /                       the page for people, of package webpage
//	GET /api/v1/                what there is
//	GET /livez                  200 while the detector answers
//	GET /readyz                 200 while it sees everything, else 503 and why not
//	GET /metrics                for Prometheus
//	GET /api/v1/deadlocks       what stands and what has ended, as Deadlocks;
//	                            ?since= until= service= process= status= fingerprint= limit= cursor=
//	GET /api/v1/deadlocks/{id}  one of them with its proof, as Deadlock
//	GET /api/v1/graph           the wait-for graph: ?format=json (explain.Graph), dot or svg
//	GET /api/v1/events          server-sent events: how the detector is, as State,
//	                            whenever that changes and every 5 s
//
// Errors are problem details (RFC 9457, application/problem+json). Answers are
// bounded in time and size, and so is what a client may send.
package httpapi
