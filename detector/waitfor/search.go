package waitfor

import "math"

// A doubt about a process or a resource d is settled by two searches that take
// turns, each time with a larger budget, until one of them ends.
//
// The forward search looks for a proof, from active processes back, that d can
// be granted. It visits blocked processes outside the deadlocked set only, and
// what it has visited without a proof when nothing is left to visit is
// deadlocked.
//
// The backward search visits everybody who waits for d, directly or not. Only
// their freedom can rest on d: once they are known, the forward search need not
// look beyond them.
//
// One is short where the other is long. A chain that grows at its head has a
// tail of any length, but nobody waits for the newcomer; a convoy has thousands
// behind a lock, but an active owner.

// firstBudget is what each search may visit on its first turn, in edges: enough
// to see that somebody is active or that nobody waits. On each further turn it
// starts afresh with budgetGrowth times as many, so that all of them together
// stay within a constant factor of the shorter search.
const (
	firstBudget  = 2
	budgetGrowth = 8
)

// outcome is what a forward search has found out.
type outcome uint8

const (
	outOfBudget outcome = iota
	free                // d can be granted
	stuck               // it cannot
)

// search is the scratch space of both searches. Outside resolve it is empty,
// and so are process.slot, resource.slot and process.behind.
type search struct {
	budget int // edges that may still be visited; negative once the search is given up

	// Forward: what has been reached, and what a proof for it would prove.
	processes []reachedProcess
	resources []reachedResource
	links     []dependent // links[0] is unused
	proven    []int32     // slots of processes whose proof has not been passed on

	// Backward: those who wait for d, d itself included if it is a process.
	behind  []Process
	bounded bool // behind is complete
}

// reachedProcess is a blocked process on the way forward.
type reachedProcess struct {
	process    Process
	lacking    int32 // proofs that it still needs
	dependents int32 // resources that it holds, a list in search.links
}

func (p *reachedProcess) free() bool { return p.lacking <= 0 }

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
		if g.forward(d, budget) != outOfBudget {
			return
		}
		if g.backward(d, budget) {
			g.forward(d, math.MaxInt)
			g.forgetBehind()
			return
		}
		g.forgetBehind()
	}
}

// spend takes one edge off the budget and reports whether it may be visited.
func (s *search) spend() bool {
	s.budget--
	return s.budget >= 0
}

// forward visits what d waits for, transitively. If d proves stuck, everything
// that was visited without a proof joins the deadlocked set.
func (g *Graph) forward(d doubt, budget int) outcome {
	s := &g.search
	s.budget = budget
	s.links = append(s.links[:0], dependent{})
	if d.process != 0 {
		g.reachProcess(d.process)
	} else {
		g.reachResource(d.resource)
	}
	for i := 0; i < len(s.processes) && s.budget >= 0 && !s.provenFree(d); i++ {
		g.explore(int32(i))
	}
	found := stuck
	switch {
	case s.provenFree(d):
		found = free
	case s.budget < 0:
		found = outOfBudget
	}
	g.endForward(found)
	return found
}

// provenFree reports whether d, where the search began, can be granted.
func (s *search) provenFree(d doubt) bool {
	if d.process != 0 {
		return s.processes[0].free()
	}
	return s.resources[0].free
}

// endForward carries out what the search has found and empties its space.
func (g *Graph) endForward(found outcome) {
	s := &g.search
	for _, p := range s.processes {
		g.processes[p.process].slot = 0
		if found == stuck && !p.free() {
			g.join(p.process)
		}
	}
	for _, r := range s.resources {
		g.resources[r.resource].slot = 0
	}
	s.processes, s.resources = s.processes[:0], s.resources[:0]
}

// explore looks at what a reached process waits for, until it is proven free.
func (g *Graph) explore(slot int32) {
	s := &g.search
	first := g.processes[s.processes[slot].process].waits
	for e := first; e != 0 && !s.processes[slot].free() && s.spend(); e = g.next(e, ofProcess) {
		r := g.edges[e].resource
		if g.resources[r].slot == 0 {
			g.reachResource(r)
		}
		if rs := &s.resources[g.resources[r].slot-1]; rs.free {
			s.prove(slot)
		} else {
			s.depend(&rs.dependents, slot)
		}
	}
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
	for e := rs.holders; e != 0 && s.spend(); e = g.next(e, ofResource) {
		p := g.edges[e].process
		pr := &g.processes[p]
		if pr.deadlocked {
			continue
		}
		if pr.slot == 0 {
			g.reachProcess(p)
		}
		s.depend(&s.processes[pr.slot-1].dependents, slot)
	}
}

// hasFreeHolder reports whether it is known by now that r can be granted.
func (g *Graph) hasFreeHolder(r *resource) bool {
	if r.holderCount == 0 {
		return true
	}
	for e := r.holders; e != 0 && g.search.spend(); e = g.next(e, ofResource) {
		if g.knownFree(&g.processes[g.edges[e].process]) {
			return true
		}
	}
	return false
}

// knownFree reports whether it is known by now that p will go on.
func (g *Graph) knownFree(p *process) bool {
	s := &g.search
	switch {
	case !p.blocked():
		return true
	case p.deadlocked:
		return false
	case p.slot > 0:
		return s.processes[p.slot-1].free()
	}
	return s.bounded && !p.behind
}

// depend puts slot on a list of dependents.
func (s *search) depend(list *int32, slot int32) {
	s.links = append(s.links, dependent{slot: slot, next: *list})
	*list = int32(len(s.links) - 1)
}

// prove counts one proof for a process. If it is the last one needed, all that
// depends on the process is told, and so on.
func (s *search) prove(slot int32) {
	s.count(slot)
	for len(s.proven) > 0 {
		for i := s.processes[pop(&s.proven)].dependents; i != 0; i = s.links[i].next {
			r := &s.resources[s.links[i].slot]
			if r.free {
				continue
			}
			r.free = true
			for j := r.dependents; j != 0; j = s.links[j].next {
				s.count(s.links[j].slot)
			}
		}
	}
}

func (s *search) count(slot int32) {
	p := &s.processes[slot]
	p.lacking--
	if p.lacking == 0 {
		s.proven = append(s.proven, slot)
	}
}

// backward visits those who wait for d, transitively, and reports whether it
// has come to an end.
func (g *Graph) backward(d doubt, budget int) bool {
	s := &g.search
	s.budget = budget
	if d.process != 0 {
		g.putBehind(d.process)
	} else {
		g.putWaitersBehind(d.resource)
	}
	for i := 0; i < len(s.behind) && s.budget >= 0; i++ {
		for e := g.processes[s.behind[i]].holds; e != 0 && s.spend(); e = g.next(e, ofProcess) {
			g.putWaitersBehind(g.edges[e].resource)
		}
	}
	s.bounded = s.budget >= 0
	return s.bounded
}

func (g *Graph) putWaitersBehind(r Resource) {
	for e := g.resources[r].waiters; e != 0 && g.search.spend(); e = g.next(e, ofResource) {
		g.putBehind(g.edges[e].process)
	}
}

func (g *Graph) putBehind(p Process) {
	if pr := &g.processes[p]; !pr.behind && !pr.deadlocked {
		pr.behind = true
		g.search.behind = append(g.search.behind, p)
	}
}

func (g *Graph) forgetBehind() {
	s := &g.search
	for _, p := range s.behind {
		g.processes[p].behind = false
	}
	s.behind, s.bounded = s.behind[:0], false
}
