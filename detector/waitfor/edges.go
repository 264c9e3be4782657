package waitfor

// edgeID is the place of an edge in Graph.edges; 0 is no edge.
type edgeID int32

// edge joins a process and a resource: it waits for it or holds it. An edge is
// on two doubly linked lists, one of the process and one of the resource, so
// that it is removed in constant time however long they are.
type edge struct {
	process  Process
	resource Resource
	links    [2]links // by side
}

// links are the neighbours of an edge on one list.
type links struct {
	prev, next edgeID
}

// The two lists that an edge is on.
const (
	ofProcess  = 0
	ofResource = 1
)

func (g *Graph) next(e edgeID, side int) edgeID { return g.edges[e].links[side].next }

func (g *Graph) newEdge(p Process, r Resource) edgeID {
	e := g.freeEdges
	if e == 0 {
		g.edges = append(g.edges, edge{process: p, resource: r})
		return edgeID(len(g.edges) - 1)
	}
	g.freeEdges = g.next(e, ofProcess)
	g.edges[e] = edge{process: p, resource: r}
	return e
}

func (g *Graph) freeEdge(e edgeID) {
	g.edges[e] = edge{links: [2]links{ofProcess: {next: g.freeEdges}}}
	g.freeEdges = e
}

// link puts e in front of the list that starts at first.
func (g *Graph) link(first *edgeID, e edgeID, side int) {
	if *first != 0 {
		g.edges[*first].links[side].prev = e
	}
	g.edges[e].links[side].next = *first
	*first = e
}

// unlink takes e off the list that starts at first.
func (g *Graph) unlink(first *edgeID, e edgeID, side int) {
	l := g.edges[e].links[side]
	if l.prev == 0 {
		*first = l.next
	} else {
		g.edges[l.prev].links[side].next = l.next
	}
	if l.next != 0 {
		g.edges[l.next].links[side].prev = l.prev
	}
}

func (g *Graph) addWait(p Process, r Resource) {
	e := g.newEdge(p, r)
	pr, rs := &g.processes[p], &g.resources[r]
	g.link(&pr.waits, e, ofProcess)
	g.link(&rs.waiters, e, ofResource)
	pr.waitCount++
	rs.waiterCount++
	g.waitCount++
	if rs.grantable() {
		pr.grantable++
	}
}

func (g *Graph) dropWaits(p Process) {
	pr := &g.processes[p]
	for e := pr.waits; e != 0; {
		rs, next := &g.resources[g.edges[e].resource], g.next(e, ofProcess)
		g.unlink(&rs.waiters, e, ofResource)
		rs.waiterCount--
		g.freeEdge(e)
		e = next
	}
	g.waitCount -= int(pr.waitCount)
	pr.waits, pr.waitCount, pr.grantable = 0, 0, 0
}

func (g *Graph) addHold(r Resource, p Process) {
	e := g.newEdge(p, r)
	pr, rs := &g.processes[p], &g.resources[r]
	g.link(&pr.holds, e, ofProcess)
	g.link(&rs.holders, e, ofResource)
	pr.holdCount++
	rs.holderCount++
}

func (g *Graph) dropHold(e edgeID) {
	pr, rs := &g.processes[g.edges[e].process], &g.resources[g.edges[e].resource]
	g.unlink(&pr.holds, e, ofProcess)
	g.unlink(&rs.holders, e, ofResource)
	pr.holdCount--
	rs.holderCount--
	g.freeEdge(e)
}

// findHold returns the edge by which p holds r, or 0. It walks the shorter of
// the two lists.
func (g *Graph) findHold(r Resource, p Process) edgeID {
	pr, rs := &g.processes[p], &g.resources[r]
	if pr.holdCount < rs.holderCount {
		for e := pr.holds; e != 0; e = g.next(e, ofProcess) {
			if g.edges[e].resource == r {
				return e
			}
		}
		return 0
	}
	for e := rs.holders; e != 0; e = g.next(e, ofResource) {
		if g.edges[e].process == p {
			return e
		}
	}
	return 0
}

// waitsFor reports whether p waits for exactly these resources, in this order.
func (g *Graph) waitsFor(p *process, on []Resource) bool {
	if int(p.waitCount) != len(on) {
		return false
	}
	e := p.waits
	for _, r := range on {
		if g.edges[e].resource != r {
			return false
		}
		e = g.next(e, ofProcess)
	}
	return true
}
