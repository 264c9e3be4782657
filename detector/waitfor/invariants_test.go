package waitfor

import "fmt"

// checkInvariants checks what the fields of Graph promise between two method
// calls, without regard to whether the deadlocked set is the greatest.
func (g *Graph) checkInvariants() error {
	blocked, waits, deadlocked, edges := 0, 0, 0, 0
	for i := range g.processes {
		p := &g.processes[i]
		if err := g.checkProcess(Process(i), p); err != nil {
			return fmt.Errorf("process %d: %w", i, err)
		}
		if p.blocked() {
			blocked++
		}
		if p.deadlocked {
			deadlocked++
		}
		waits += int(p.waitCount)
		edges += int(p.waitCount + p.holdCount)
	}
	for i := range g.resources {
		if err := g.checkResource(&g.resources[i]); err != nil {
			return fmt.Errorf("resource %d: %w", i, err)
		}
		edges -= int(g.resources[i].waiterCount + g.resources[i].holderCount)
	}
	switch {
	case blocked != g.blockedCount:
		return fmt.Errorf("blockedCount is %d, not %d", g.blockedCount, blocked)
	case waits != g.waitCount:
		return fmt.Errorf("waitCount is %d, not %d", g.waitCount, waits)
	case deadlocked != len(g.deadlocked):
		return fmt.Errorf("%d of %d deadlocked processes are listed", len(g.deadlocked), deadlocked)
	case edges != 0:
		return fmt.Errorf("processes have %d edges more than resources", edges)
	case len(g.joining)+len(g.leaving)+len(g.doubts) > 0:
		return fmt.Errorf("not settled")
	}
	return g.checkSearch()
}

func (g *Graph) checkProcess(id Process, p *process) error {
	switch {
	case !p.live && *p != process{}:
		return fmt.Errorf("removed, but not empty: %+v", *p)
	case p.blocked() != (p.waitCount > 0):
		return fmt.Errorf("needs %d of %d", p.need, p.waitCount)
	case p.deadlocked != (p.blocked() && p.stuck()):
		return fmt.Errorf("deadlocked %v with %d of %d granted", p.deadlocked, p.grantable, p.need)
	case p.deadlocked && g.deadlocked[p.position] != id:
		return fmt.Errorf("not at position %d", p.position)
	case p.slot != 0 || p.behind || p.doubted:
		return fmt.Errorf("left in a search: %+v", *p)
	}
	grantable, waits := int32(0), int32(0)
	for e := p.waits; e != 0; e = g.next(e, ofProcess) {
		if g.edges[e].process != id {
			return fmt.Errorf("has an edge of process %d", g.edges[e].process)
		}
		waits++
		if g.resources[g.edges[e].resource].grantable() {
			grantable++
		}
	}
	if waits != p.waitCount || grantable != p.grantable {
		return fmt.Errorf("%d of %d granted, not %d of %d", p.grantable, p.waitCount, grantable, waits)
	}
	return nil
}

func (g *Graph) checkResource(r *resource) error {
	switch {
	case !r.live && *r != resource{}:
		return fmt.Errorf("removed, but not empty: %+v", *r)
	case r.slot != 0 || r.doubted:
		return fmt.Errorf("left in a search: %+v", *r)
	}
	holders, free, waiters := int32(0), int32(0), int32(0)
	for e := r.holders; e != 0; e = g.next(e, ofResource) {
		holders++
		if !g.processes[g.edges[e].process].deadlocked {
			free++
		}
	}
	for e := r.waiters; e != 0; e = g.next(e, ofResource) {
		waiters++
	}
	if holders != r.holderCount || free != r.free || waiters != r.waiterCount {
		return fmt.Errorf("%d holders, %d free, %d waiters, not %d, %d, %d", r.holderCount, r.free, r.waiterCount, holders, free, waiters)
	}
	return nil
}

func (g *Graph) checkSearch() error {
	s := &g.search
	if n := len(s.processes) + len(s.resources) + len(s.proven) + len(s.behind); n > 0 {
		return fmt.Errorf("a search left %d entries", n)
	}
	return nil
}
