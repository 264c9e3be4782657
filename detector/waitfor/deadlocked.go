package waitfor

// The deadlocked set changes in two directions, and each has its own rule.
// When something is granted or an alternative is added, the set can only
// shrink: whoever is no longer stuck leaves, and leaving may unstick others.
// When a wait begins or an alternative is lost, it can only grow: who is stuck
// joins at once, but a process that is not stuck by the counts may rest on a
// cycle that has just lost its last way out. That is a doubt, and a search
// settles it.

// doubt is a process or a resource; the other one is zero.
type doubt struct {
	process  Process
	resource Resource
}

// join makes p a member of the deadlocked set.
func (g *Graph) join(p Process) {
	pr := &g.processes[p]
	pr.deadlocked = true
	pr.inCore = false
	pr.position = int32(len(g.deadlocked))
	g.deadlocked = append(g.deadlocked, p)
	g.joining = append(g.joining, p)
}

// leave ends p's membership.
func (g *Graph) leave(p Process) {
	pr := &g.processes[p]
	g.memberChanged(pr)
	last := g.deadlocked[len(g.deadlocked)-1]
	g.deadlocked[pr.position] = last
	g.processes[last].position = pr.position
	g.deadlocked = g.deadlocked[:len(g.deadlocked)-1]
	pr.deadlocked = false
	pr.inCore = false
	g.leaving = append(g.leaving, p)
}

// settle carries what has begun to its end: afterwards the deadlocked set is
// again the greatest in which each member is stuck.
func (g *Graph) settle() {
	for {
		switch {
		case len(g.leaving) > 0:
			g.spreadLeave(pop(&g.leaving))
		case len(g.joining) > 0:
			g.spreadJoin(pop(&g.joining))
		case len(g.doubts) > 0:
			g.decide(pop(&g.doubts))
		default:
			return
		}
	}
}

func pop[T any](stack *[]T) T {
	s := *stack
	top := s[len(s)-1]
	*stack = s[:len(s)-1]
	return top
}

// spreadLeave tells those who wait for p that it can grant again.
func (g *Graph) spreadLeave(p Process) {
	for e := g.processes[p].holds; e != 0; e = g.next(e, ofProcess) {
		r := g.edges[e].resource
		rs := &g.resources[r]
		rs.free++
		if rs.free == 1 {
			g.gain(r)
		}
	}
}

// spreadJoin tells those who wait for p that it cannot grant any more.
func (g *Graph) spreadJoin(p Process) {
	for e := g.processes[p].holds; e != 0; e = g.next(e, ofProcess) {
		r := g.edges[e].resource
		rs := &g.resources[r]
		rs.free--
		if rs.free == 0 {
			g.lose(r)
		} else {
			g.doubtResource(r)
		}
	}
}

// gain is called when r has become grantable.
func (g *Graph) gain(r Resource) {
	for e := g.resources[r].waiters; e != 0; e = g.next(e, ofResource) {
		p := g.edges[e].process
		pr := &g.processes[p]
		pr.grantable++
		if !pr.deadlocked {
			continue
		}
		g.memberChanged(pr)
		if !pr.stuck() {
			g.leave(p)
		}
	}
}

// lose is called when r has ceased to be grantable.
func (g *Graph) lose(r Resource) {
	for e := g.resources[r].waiters; e != 0; e = g.next(e, ofResource) {
		p := g.edges[e].process
		pr := &g.processes[p]
		pr.grantable--
		switch {
		case pr.deadlocked:
			// An edge has appeared between members. Without one, no
			// core has changed: of a new core's members, the last to
			// spread its joining takes the last holder from some
			// resource that another member already waits for.
			g.coresChanged()
		case pr.stuck():
			g.join(p)
		default:
			g.doubtProcess(p)
		}
	}
}

func (g *Graph) doubtProcess(p Process) {
	pr := &g.processes[p]
	if !pr.doubted && pr.holds != 0 {
		pr.doubted = true
		g.doubts = append(g.doubts, doubt{process: p})
	}
}

func (g *Graph) doubtResource(r Resource) {
	rs := &g.resources[r]
	if !rs.doubted && rs.waiters != 0 {
		rs.doubted = true
		g.doubts = append(g.doubts, doubt{resource: r})
	}
}

// decide settles one doubt, unless what has happened since has settled it.
func (g *Graph) decide(d doubt) {
	pr, rs := &g.processes[d.process], &g.resources[d.resource]
	pr.doubted, rs.doubted = false, false
	if !pr.deadlocked {
		g.resolve(d)
	}
}
