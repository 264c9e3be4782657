// Package stock is clerks who move goods between shelves, one clerk on each node
// of a cluster. It shows how locks deadlock, and how they do not.
//
//	ann@n1 ── move a to b ──▶ lock a ──▶ lock b        ben@n2 ── move b to a ──▶ lock b ──▶ lock a
//
// A clerk does one thing at a time. Who touches a shelf holds its lock. What is on
// the shelves is a value of a group of which all clerks are members.
//
// A careless clerk deadlocks in three ways:
//
//	two locks in opposite order      ann moves from a to b while ben moves from b to a
//	a lock held across a call        ann audits a: she holds it and asks ben to count it
//	a ring of locks and calls        ann, auditing a, asks ben to count c; cyd holds c,
//	                                 auditing it, and asks ann
//
// A careful one takes locks in the order of their names, and asks others only
// when he holds none.
//
// A clerk who waits in vain for longer than his timeout crashes. His locks go with
// him, so that others get on, and he is replaced.
package stock
