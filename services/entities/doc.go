// Package entities keeps one process per entity over several servers.
//
//	caller ──▶ server "one" ─┐                 ┌─▶ store: one file
//	                         ├──▶ entity_1 ────┤     entity_1  working    activated 3 times
//	caller ──▶ server "two" ─┘    (a process)  └─▶   entity_2  finalized  activated once
//
// An entity is an ID and a State. Whoever gets or sets it asks any server, which
// gets or starts the entity's process and hands the request over to it. The
// process loads its state from the store when it starts, answers get from
// memory, and writes set through to the store. It is started on demand, and again
// after a crash.
//
// # Where a process is registered
//
// With PerServer each server has a process of its own for the same ID. They share
// the store and nothing else: each goes on with the state that it loaded once, so
// they diverge, and that servers can see each other changes nothing about it. With
// ReadStore get reads the store every time, which is correct and slower. With
// ClusterWide the name of a process is an exclusive queue, which the broker
// refuses to all but one: there is one process, and both servers agree.
//
// # When separated servers meet
//
// Servers that cannot see each other, since they are in Places of their own, each
// register the same name. When one moves to where the other is (Connect), the
// broker refuses it the names that are taken, and one of the two processes has
// to go. What matters is what happened before.
//
// Every activation of an entity draws a higher incarnation from the store, and
// the store takes writes from the latest activation alone. The other learns with
// its next write that it is stale: its caller gets ErrStale, and the request after
// that begins an activation anew. So the acknowledged writes of an entity are one
// sequence, wherever they were made; what a stale process answers to get may be
// old until then. When two activations meet, the one with the lower incarnation is terminated: it
// is the one whose writes the store would refuse.
//
// Naive leaves all that out: writes are not fenced, and whoever comes second is
// terminated. The survivor answers with what it knew before the other's writes,
// although they were acknowledged.
//
// # The deadlock
//
// Update makes two entities take the same state: the process of the first asks
// the second, and waits. Two updates that cross, of 1 with 2 and of 2 with 1, wait
// for each other until their timeouts, which crash both processes. With Ordered
// an update always begins at the lower ID, and nothing can cross.
package entities
