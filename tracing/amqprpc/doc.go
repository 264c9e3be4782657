// Package amqprpc makes remote procedure calls over RabbitMQ, in such a way
// that OpenTelemetry sees each call and waitgraph sees each wait.
//
//	caller                          broker                    callee
//	Call ──▶ outbox ──▶ producer ──▶ [queue] ──▶ receive ──▶ mailbox ──▶ Handler
//	  ▲                                                                    │
//	  └─────── takeReplies ◀──── [reply queue] ◀──── producer ◀──── outbox ┘
//
// A Conn is two connections, one to publish and one to consume, that are built
// anew with all that hangs on them whenever one of them is lost. It is safe for
// concurrent use, and one is enough for an OS process.
//
//	conn, err := amqprpc.Dial(ctx, amqprpc.Config{URL: url, Agent: agent})
//	reply, err := conn.Call(ctx, amqprpc.Call{Key: "service_b.compute", Body: body})
//	err = conn.Serve(ctx, amqprpc.Server{Queue: "service_a.compute", Process: agent.Process("service_a"), Handler: handle})
//
// # Calls
//
// A request is published once, as mandatory, with a correlation ID and the
// Conn's exclusive reply queue. It is carried out at most once by this package,
// and as often as the broker delivers it. A call ends at its deadline, whatever
// happens: nobody but the producer's goroutine ever waits for a broker that
// does not read, and a call that was not being sent by then never is. What
// happens in between:
//
//	no connection, or the broker blocks publishers   the request waits to be sent
//	no queue takes it                                 ErrUnroutable, at once
//	the connection is lost before it is sent          it waits for the next one
//	the connection is lost afterwards                 ErrConnectionLost, at once: the
//	                                                  reply queue is gone with it
//	the callee crashes, or answers nobody             ErrTimeout
//	the reply comes too late                          dropped, and counted in Stats
//
// # Serving
//
// By default a Server is one process that handles one request at a time; with
// PerRequest each request is a process of its own, and the server's process
// only hands requests out. A request is acknowledged when it is done, whatever
// the outcome, so that what fails is not delivered again. It is abandoned
// unacknowledged if its channel is lost or the server stops while it is handled:
// the context of the Handler ends, and the broker delivers the request to
// somebody else, flagged as redelivered.
//
// A process that is reentrant (tracing.Reentrant) handles requests of its own
// call chain while it waits, along with the one that made it wait. Each of them
// is a process of its own, too, and what crashes is that. Call chains are known
// from the agents: where the server or one that it calls has none, such a
// request waits for its turn like any other.
//
// # What is observed
//
// Call begins a wait of the process in its context before it publishes, and
// ends it with the reply, the timeout or the cancellation. A Server owes each
// reply from the moment a request is delivered until the reply is handed to
// the channel, the request is acknowledged without one, or it goes back to its
// queue with the channel, and it hands the call chain on through the context of
// its Handler. Without an Agent none of this happens and all else is the same.
//
// Spans follow the messaging conventions: "send <destination>" from the request
// until the reply, and "process <queue>" for the Handler.
package amqprpc
