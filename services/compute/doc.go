// Package compute is two services that deadlock.
//
// ServiceA computes by asking ServiceB and adding 1,000,000. ServiceB computes
// alone, except that it asks ServiceA back when the ID is 42: that is the bug, and
// with Fixed in the Config it does not.
//
//	          service_a.compute                 service_b.compute
//	caller ──▶ [shared queue] ──▶ consumer@1     [shared queue] ──▶ consumer@1
//	                         └──▶ consumer@2                   └──▶ consumer@2
//	                                 │ hands over                      │
//	                                 ▼                                 ▼
//	                            server_a:42 ──asks service_b──▶   server_b:42
//	                                 ▲                                 │
//	                                 └──────────asks service_a─────────┘
//
// Everything goes through the message broker, and everything waits. Each
// replica has one consumer on its service's shared queue; it hands a request
// to the server process of the request's ID and is blocked until the answer is
// there. A server process is alone in the cluster under its name, server_a:42:
// the name is an exclusive queue, which the broker refuses to everybody else,
// so either replica can host it. It has a mailbox and takes one request at a
// time.
//
// # Timeouts and crashes
//
// A call times out after 5 s. Consumers catch that, answer nobody and take the
// next request. A server process does not: it crashes, answers nobody, loses
// its state and its mailbox, and is started again by its supervisor. So for
// every caller of a deadlock it is its own timeout that ends the wait, and no
// abandoned request is delivered again. Each replica has one connection to
// send on, shared by its processes; it never waits for an answer.
//
//	compute(1)  at A = 1,000,001
//	compute(42) at A: after 5 s the caller, server_a:42 and server_b:42 crash
//
// # With and without waitgraph
//
// With a tracing.Agent in the Config the waits of every process are observed.
// Without one the system runs bare, and nothing else is different.
package compute
