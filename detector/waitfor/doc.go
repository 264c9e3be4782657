// Package waitfor keeps a wait-for graph and knows at any time which of its
// processes are deadlocked, and where the deadlocks are.
//
//	         waits for k of n            is held by
//	process ──────────────────▶ resource ──────────▶ process
//	   P           all of         R1 ───────────────▶ Q
//	   │                          R2 ────┬──────────▶ Q
//	   └─────────▶ any of ...            └──────────▶ W
//
// # Model
//
// A process is active, or it is blocked: it waits until Need of its resources
// are granted. Need of all is the AND model, need of one the OR model. A
// resource can be granted by any of its holders, and by somebody unknown as
// long as no holder is known. An active process will, in time, grant whatever
// it holds; a blocked one will do so once it has gone on. Where all holders
// must grant, as readers must to a writer, use one resource for each.
//
// The deadlocked set is the greatest set of blocked processes of which none can
// go on, even if everybody outside goes on and grants all that it holds. It is
// what is left of the graph when everything is reduced that can be (Holt 1972);
// the order of reduction does not matter. With single requests and in the AND
// model there is a deadlock exactly if there is a cycle, in the OR model exactly
// if there is a knot (Knapp 1987); with k of n no such shape decides, only
// reduction does (Kshemkalyani and Singhal 1994).
//
// A core is a deadlock itself, without those who merely wait behind it: a set
// of processes that stays irreducible when everything outside is granted, that
// is strongly connected by what is not granted then, and that is as large as
// it can be. A single process is a core if it waits for itself. Cores are
// disjoint, every deadlock has one, and what is in none is collateral. An edge
// through a resource that somebody outside the core can grant is no edge of the
// core.
//
// # Algorithm
//
// The deadlocked set is kept up to date through every change, in both
// directions, by two counts: per resource the holders that are not deadlocked,
// per process the grantable resources among those it waits for.
//
// A process that goes on, a holder that joins and a last holder that leaves can
// only shrink the set. Whoever has enough grantable resources leaves it, and so
// on backward from there.
//
// A wait that begins, and a holder that leaves others behind or is the first to
// be known, can only grow it. Those who fall short by the counts join, and so on
// backward. The counts deceive only where processes hold each other up in a
// cycle, and that cycle must go through what has just changed: a search follows
// it (search.go), over blocked processes outside the set only.
//
// Cores are computed on demand, from the deadlocked set alone, and kept while
// only collateral comes and goes.
//
// # Invariants
//
// Between two calls, a process is deadlocked if and only if it is blocked and
// fewer than Need of its resources are grantable; a resource is grantable if
// and only if it has no holder or one that is not deadlocked; and no larger set
// of processes would satisfy this.
//
// # Cost
//
// With w the resources that a process waits for and h those that it holds:
//
//	Block, Unblock          O(w)
//	Hold, Release           O(min(h, holders of the resource))
//	RemoveProcess           O(w + h), and each Release
//	Cores                   O(1) if they cannot have changed; otherwise O(edges of
//	                        the deadlocked set) for every level at which a
//	                        component has to be split again, usually two
//
// Added to that is O(edges) of the processes that enter or leave the deadlocked
// set and, where a cycle is possible, a search: it visits no more than a
// constant times the lesser of what the changed process or resource can reach
// through blocked processes and what waits for it. That is nothing when nobody
// waits for a process that blocks or when a resource has an active holder.
//
// Nothing recurses, and nothing is allocated but when the graph is larger than
// ever before, or when Cores must be computed. A wait for a reply and its hold
// take about 150 bytes together with their process and resource.
//
// The package is pure: no clock, goroutine, lock or log. Graph is not safe for
// concurrent use.
package waitfor
