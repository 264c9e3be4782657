package waitfor

// A doubt is settled by whichever of two searches ends first. The forward one
// looks for a proof, from active processes back, that the doubted process or
// resource can be granted; it visits blocked processes outside the deadlocked
// set only. What it has visited without proof when nothing is left to visit is
// deadlocked. The backward one looks at everybody who waits for the doubted
// one, directly or not: if it is not itself among them, there is no cycle
// through it and the counts do not deceive. One is short where the other is
// long: a chain that grows at its head has a tail of any length but nobody
// before it, a convoy has thousands behind it but an active owner.

// firstBudget bounds the first attempt of each search, in edges. Each further
// attempt starts afresh with budgetGrowth times as many, so that the total
// stays within a constant factor of the shorter search.
const (
	firstBudget  = 8
	budgetGrowth = 4
	unlimited    = int(^uint(0) >> 1)
)

// outcome is what a search has found out.
type outcome uint8

const (
	outOfBudget outcome = iota
	free                // forward: it can be granted
	stuck               // forward: it cannot
	cyclic              // backward: it waits for itself, so all depends on the forward search
	acyclic             // backward: it does not
)

// search is the scratch space of both directions. It is empty between
// searches, and so are process.slot, resource.slot and process.seen.
type search struct {
	processes []reachedProcess
	resources []reachedResource
	links     []dependent // links[0] is unused
	proven    []int32     // slots of processes whose proof has not been passed on
	backward  []Process
}

// reachedProcess is a blocked process on the way forward.
type reachedProcess struct {
	process    Process
	lacking    int32 // proofs that it still needs; free at 0
	dependents int32 // resources that it holds, a list in search.links
}

// reachedResource is a resource on the way forward.
type reachedResource struct {
	resource   Resource
	free       bool
	dependents int32 // processes that wait for it, a list in search.links
}

// dependent is an element of a list of slots.
type dependent struct {
	slot, next int32
}

// resolve settles d: either nothing changes, or the processes that turn out to
// be deadlocked with it join.
func (g *Graph) resolve(d doubt) {
	for budget := firstBudget; ; budget *= budgetGrowth {
		switch g.forward(d, budget) {
		case free, stuck:
			return
		}
		switch g.backward(d, budget) {
		case acyclic:
			return
		case cyclic:
			g.forward(d, unlimited)
			return
		}
	}
}

// backward visits those who wait for d, transitively.
func (g *Graph) backward(d doubt, budget int) (found outcome) {
	s := &g.search
	if d.process != 0 {
		s.backward = append(s.backward, d.process)
	} else {
		budget = g.seeWaiters(d.resource, budget)
	}
	found = acyclic
visiting:
	for i := 0; i < len(s.backward); i++ {
		for e := g.processes[s.backward[i]].holds; e != 0; e = g.next(e, ofProcess) {
			r := g.edges[e].resource
			if budget--; budget < 0 {
				found = outOfBudget
				break visiting
			}
			if r == d.resource {
				found = cyclic
				break visiting
			}
			budget = g.seeWaiters(r, budget)
			if d.process != 0 && g.processes[d.process].seen {
				found = cyclic
				break visiting
			}
		}
	}
	for _, p := range s.backward {
		g.processes[p].seen = false
	}
	s.backward = s.backward[:0]
	return found
}

// seeWaiters adds to the backward search those who wait for r, and returns
// what is left of the budget.
func (g *Graph) seeWaiters(r Resource, budget int) int {
	s := &g.search
	for e := g.resources[r].waiters; e != 0 && budget >= 0; e = g.next(e, ofResource) {
		budget--
		p := g.edges[e].process
		pr := &g.processes[p]
		if !pr.seen && !pr.deadlocked {
			pr.seen = true
			s.backward = append(s.backward, p)
		}
	}
	return budget
}

// forward visits what d waits for, transitively. If d proves stuck, everything
// that was visited without a proof joins the deadlocked set.
func (g *Graph) forward(d doubt, budget int) (found outcome) {
	s := &g.search
	s.links = append(s.links[:0], dependent{})
	if d.process != 0 {
		g.reachProcess(d.process)
	} else {
		g.reachResource(d.resource)
	}
	found = stuck
	for i := 0; i < len(s.processes); i++ {
		budget = g.explore(int32(i), budget)
		if s.isFree(d) {
			found = free
			break
		}
		if budget < 0 {
			found = outOfBudget
			break
		}
	}
	if s.isFree(d) {
		found = free
	}
	for _, p := range s.processes {
		g.processes[p.process].slot = 0
		if found == stuck && p.lacking > 0 {
			g.join(p.process)
		}
	}
	for _, r := range s.resources {
		g.resources[r.resource].slot = 0
	}
	s.processes, s.resources = s.processes[:0], s.resources[:0]
	return found
}

// isFree reports whether d, where the forward search began, is proven free.
func (s *search) isFree(d doubt) bool {
	if d.process != 0 {
		return s.processes[0].lacking <= 0
	}
	return s.resources[0].free
}

// explore looks at everything that a reached process waits for, until it is
// proven free, and returns what is left of the budget.
func (g *Graph) explore(slot int32, budget int) int {
	s := &g.search
	for e := g.processes[s.processes[slot].process].waits; e != 0; e = g.next(e, ofProcess) {
		if s.processes[slot].lacking <= 0 {
			return budget
		}
		r := g.edges[e].resource
		if g.resources[r].slot == 0 {
			before := len(s.links)
			g.reachResource(r)
			budget -= len(s.links) - before
		}
		budget--
		if rs := &s.resources[g.resources[r].slot-1]; !rs.free {
			s.depend(&rs.dependents, slot)
		} else if s.processes[slot].lacking--; s.processes[slot].lacking == 0 {
			s.spreadProof(slot)
		}
	}
	return budget
}

func (g *Graph) reachProcess(p Process) {
	s := &g.search
	pr := &g.processes[p]
	s.processes = append(s.processes, reachedProcess{process: p, lacking: pr.need})
	pr.slot = int32(len(s.processes))
}

// reachResource takes r into the search. It is free at once if one of its
// holders is known to be; otherwise it depends on those who may yet prove to
// be.
func (g *Graph) reachResource(r Resource) {
	s := &g.search
	rs := &g.resources[r]
	slot := int32(len(s.resources))
	s.resources = append(s.resources, reachedResource{resource: r, free: g.hasFreeHolder(rs)})
	rs.slot = slot + 1
	if s.resources[slot].free || rs.free == 0 {
		return
	}
	for e := rs.holders; e != 0; e = g.next(e, ofResource) {
		p := g.edges[e].process
		if g.processes[p].deadlocked {
			continue
		}
		if g.processes[p].slot == 0 {
			g.reachProcess(p)
		}
		s.depend(&s.processes[g.processes[p].slot-1].dependents, slot)
	}
}

// hasFreeHolder reports whether it is known by now that r can be granted.
func (g *Graph) hasFreeHolder(r *resource) bool {
	if r.holderCount == 0 {
		return true
	}
	for e := r.holders; e != 0; e = g.next(e, ofResource) {
		p := &g.processes[g.edges[e].process]
		if !p.blocked() || p.slot > 0 && g.search.processes[p.slot-1].lacking <= 0 {
			return true
		}
	}
	return false
}

// depend puts slot on a list of dependents.
func (s *search) depend(list *int32, slot int32) {
	s.links = append(s.links, dependent{slot: slot, next: *list})
	*list = int32(len(s.links) - 1)
}

// spreadProof tells everything that depends on a process that it is free.
func (s *search) spreadProof(slot int32) {
	s.proven = append(s.proven, slot)
	for len(s.proven) > 0 {
		p := &s.processes[pop(&s.proven)]
		for i := p.dependents; i != 0; i = s.links[i].next {
			r := &s.resources[s.links[i].slot]
			if r.free {
				continue
			}
			r.free = true
			s.proveWaiters(r)
		}
	}
}

func (s *search) proveWaiters(r *reachedResource) {
	for i := r.dependents; i != 0; i = s.links[i].next {
		slot := s.links[i].slot
		if s.processes[slot].lacking--; s.processes[slot].lacking == 0 {
			s.proven = append(s.proven, slot)
		}
	}
}
