// Package amqpexport ships what an agent has to report over AMQP, and brings it
// the detector's questions.
//
//	agent ──Collect, Heartbeat──▶ exchange "waitgraph" ──▶ detectors
//	agent ◀──Question── the agent's own queue ◀── detector
//	agent ──Answer──▶ the detector's queue
//
// It has connections of its own, so that nothing that happens to them touches
// the services'. One goroutine publishes: under a memory alarm of the broker it
// may be stuck for as long as that lasts, and all that suffers is how fresh the
// reports are, since what it sends next is the state by then. For the same reason
// only one message of changes is on its way at a time: the busier the broker, the
// more processes each of them tells of, and the fewer there are. After each connect
// everything is sent anew.
package amqpexport
