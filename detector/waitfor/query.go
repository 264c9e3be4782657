package waitfor

import "iter"

// Blocked reports whether p waits for anything.
func (g *Graph) Blocked(p Process) bool { return g.process(p).blocked() }

// Deadlocked reports whether p is in the deadlocked set.
func (g *Graph) Deadlocked(p Process) bool { return g.process(p).deadlocked }

// Need returns how many of the resources that p waits for must be granted; 0
// if p is active.
func (g *Graph) Need(p Process) int { return int(g.process(p).need) }

// BlockedCount returns the number of blocked processes.
func (g *Graph) BlockedCount() int { return g.blockedCount }

// DeadlockedCount returns the size of the deadlocked set.
func (g *Graph) DeadlockedCount() int { return len(g.deadlocked) }

// WaitCount returns the number of resources waited for, over all processes.
func (g *Graph) WaitCount() int { return g.waitCount }

// NumWaits returns how many resources p waits for.
func (g *Graph) NumWaits(p Process) int { return int(g.process(p).waitCount) }

// NumHolds returns how many resources p holds.
func (g *Graph) NumHolds(p Process) int { return int(g.process(p).holdCount) }

// Grantable reports whether somebody can grant r: nobody is known to hold it,
// or one of its holders is not deadlocked.
func (g *Graph) Grantable(r Resource) bool { return g.resource(r).grantable() }

// NumHolders returns how many processes hold r.
func (g *Graph) NumHolders(r Resource) int { return int(g.resource(r).holderCount) }

// NumWaiters returns how many waits there are for r.
func (g *Graph) NumWaiters(r Resource) int { return int(g.resource(r).waiterCount) }

// The sequences below must not outlive the next change of the graph.

// AllDeadlocked yields the deadlocked set, in no particular order.
func (g *Graph) AllDeadlocked() iter.Seq[Process] {
	return func(yield func(Process) bool) {
		for _, p := range g.deadlocked {
			if !yield(p) {
				return
			}
		}
	}
}

// Waits yields the resources that p waits for, in the order given to Block.
func (g *Graph) Waits(p Process) iter.Seq[Resource] { return g.resourcesOf(g.process(p).waits) }

// Holds yields the resources that p holds, in no particular order.
func (g *Graph) Holds(p Process) iter.Seq[Resource] { return g.resourcesOf(g.process(p).holds) }

// Holders yields the processes that hold r, in no particular order.
func (g *Graph) Holders(r Resource) iter.Seq[Process] { return g.processesOf(g.resource(r).holders) }

// Waiters yields the processes that wait for r, in no particular order; one
// that waits for it twice comes twice.
func (g *Graph) Waiters(r Resource) iter.Seq[Process] { return g.processesOf(g.resource(r).waiters) }

func (g *Graph) resourcesOf(first edgeID) iter.Seq[Resource] {
	return func(yield func(Resource) bool) {
		for e := first; e != 0; e = g.next(e, ofProcess) {
			if !yield(g.edges[e].resource) {
				return
			}
		}
	}
}

func (g *Graph) processesOf(first edgeID) iter.Seq[Process] {
	return func(yield func(Process) bool) {
		for e := first; e != 0; e = g.next(e, ofResource) {
			if !yield(g.edges[e].process) {
				return
			}
		}
	}
}
