package waitfor

import "slices"

// Cores returns the cores of the deadlocked set: each sorted, in the order of
// their first members. The result is kept until it may have changed; callers
// must not modify it, and the graph never does.
func (g *Graph) Cores() [][]Process {
	if !g.coresValid {
		g.cores = g.findCores()
		g.coresValid = true
	}
	return g.cores
}

// CoresVersion returns a number that is different whenever Cores may return
// something else than before.
func (g *Graph) CoresVersion() uint64 { return g.coresVersion }

func (g *Graph) coresChanged() {
	g.coresVersion++
	g.coresValid = false
}

// memberChanged is called before a deadlocked process leaves or gets one of
// its resources granted. Collateral can do so without an effect on any core.
func (g *Graph) memberChanged(p *process) {
	if p.inCore || !g.coresValid {
		g.coresChanged()
	}
}

// edgeChanged is called when an ungrantable resource has got or lost a holder
// and still is ungrantable.
func (g *Graph) edgeChanged(r Resource) {
	if g.resources[r].waiters != 0 {
		g.coresChanged()
	}
}

func (g *Graph) findCores() [][]Process {
	for _, p := range g.deadlocked {
		g.processes[p].inCore = false
	}
	if len(g.deadlocked) == 0 {
		return nil
	}
	f := newCoreFinder(g)
	cores := f.find()
	for _, r := range f.resources {
		g.resources[r].slot = 0
	}
	for _, core := range cores {
		for _, p := range core {
			g.processes[p].inCore = true
		}
	}
	return cores
}

// node is a deadlocked process, by its position in Graph.deadlocked, or, after
// those, an ungrantable resource that one of them waits for, by its slot.
type node int32

// coreFinder splits the deadlocked set into ever smaller parts. A part is
// pruned of everything that is granted once all outside it is granted, and
// what is left is split into its strongly connected components; each of them
// is a part again. A component that pruning leaves whole is a core.
type coreFinder struct {
	g         *Graph
	resources []Resource
	part      []int32 // by node: the part that it is in; 0 if in none any more
	lastPart  int32
	work      []part
	cores     [][]Process

	ungranted []int32 // by process: its waits for resources in its part
	dropped   []node  // by pruning, not yet told to those who depend on them

	index, low []int32 // by node, as in Tarjan's algorithm; index 0 is unvisited
	lastIndex  int32
	stack      []node
	frames     []frame
}

type part struct {
	nodes     []node
	component bool // strongly connected
}

// frame is a node whose edges are being followed, and the next one to follow.
type frame struct {
	node node
	edge edgeID
}

func newCoreFinder(g *Graph) *coreFinder {
	f := &coreFinder{g: g, lastPart: 1}
	for _, p := range g.deadlocked {
		for e := g.processes[p].waits; e != 0; e = g.next(e, ofProcess) {
			r := g.edges[e].resource
			if rs := &g.resources[r]; rs.slot == 0 && !rs.grantable() {
				f.resources = append(f.resources, r)
				rs.slot = int32(len(f.resources))
			}
		}
	}
	n := len(g.deadlocked) + len(f.resources)
	f.part = slices.Repeat([]int32{f.lastPart}, n)
	f.ungranted = make([]int32, len(g.deadlocked))
	f.index, f.low = make([]int32, n), make([]int32, n)
	all := make([]node, n)
	for i := range all {
		all[i] = node(i)
	}
	f.work = []part{{nodes: all}}
	return f
}

func (f *coreFinder) find() [][]Process {
	for len(f.work) > 0 {
		p := pop(&f.work)
		left := f.prune(p.nodes)
		if p.component && len(left) == len(p.nodes) {
			f.addCore(left)
		} else {
			f.split(left)
		}
	}
	slices.SortFunc(f.cores, func(a, b []Process) int { return int(a[0]) - int(b[0]) })
	return f.cores
}

func (f *coreFinder) addCore(nodes []node) {
	var core []Process
	for _, n := range nodes {
		if f.isProcess(n) {
			core = append(core, f.g.deadlocked[n])
		}
	}
	slices.Sort(core)
	f.cores = append(f.cores, core)
}

// prune drops from a part what is granted when everything outside is, and
// returns the rest.
func (f *coreFinder) prune(nodes []node) []node {
	if len(nodes) == 0 {
		return nil
	}
	this := f.part[nodes[0]]
	for _, n := range nodes {
		if f.isProcess(n) {
			f.ungranted[n] = f.countEdges(n, this)
		}
	}
	for _, n := range nodes {
		if f.part[n] == this && f.isGranted(n, this) {
			f.drop(n)
		}
	}
	for len(f.dropped) > 0 {
		f.spreadDrop(pop(&f.dropped), this)
	}
	return slices.DeleteFunc(slices.Clone(nodes), func(n node) bool { return f.part[n] != this })
}

func (f *coreFinder) drop(n node) {
	f.part[n] = 0
	f.dropped = append(f.dropped, n)
}

// isGranted reports whether n goes on when everything outside its part does.
func (f *coreFinder) isGranted(n node, this int32) bool {
	if f.isProcess(n) {
		p := &f.g.processes[f.g.deadlocked[n]]
		return p.waitCount-f.ungranted[n] >= p.need
	}
	r := &f.g.resources[f.resourceOf(n)]
	return f.countEdges(n, this) < r.holderCount
}

// spreadDrop tells those who depend on n that it has been dropped from this
// part.
func (f *coreFinder) spreadDrop(n node, this int32) {
	g := f.g
	if f.isProcess(n) {
		for e := g.processes[g.deadlocked[n]].holds; e != 0; e = g.next(e, ofProcess) {
			if r, ok := f.resourceNode(g.edges[e].resource); ok && f.part[r] == this {
				f.drop(r)
			}
		}
		return
	}
	for e := g.resources[f.resourceOf(n)].waiters; e != 0; e = g.next(e, ofResource) {
		p, ok := f.processNode(g.edges[e].process)
		if !ok || f.part[p] != this {
			continue
		}
		f.ungranted[p]--
		if f.isGranted(p, this) {
			f.drop(p)
		}
	}
}

// split makes parts of the strongly connected components of nodes, which are
// all of one part: Tarjan's algorithm with a stack of its own. A component of a
// single node has no edge, since edges join processes and resources.
func (f *coreFinder) split(nodes []node) {
	for _, n := range nodes {
		f.index[n] = 0
	}
	for _, n := range nodes {
		if f.index[n] == 0 {
			f.visit(n)
			f.walk(f.part[n])
		}
	}
}

func (f *coreFinder) visit(n node) {
	f.lastIndex++
	f.index[n], f.low[n] = f.lastIndex, f.lastIndex
	f.stack = append(f.stack, n)
	f.frames = append(f.frames, frame{node: n, edge: f.firstEdge(n)})
}

func (f *coreFinder) walk(this int32) {
	for len(f.frames) > 0 {
		top := &f.frames[len(f.frames)-1]
		n := top.node
		if top.edge == 0 {
			f.frames = f.frames[:len(f.frames)-1]
			if len(f.frames) > 0 {
				up := f.frames[len(f.frames)-1].node
				f.low[up] = min(f.low[up], f.low[n])
			}
			if f.low[n] == f.index[n] {
				f.takeComponent(n)
			}
			continue
		}
		to, ok := f.target(n, top.edge)
		top.edge = f.nextEdge(n, top.edge)
		switch {
		case !ok || f.part[to] != this:
		case f.index[to] == 0:
			f.visit(to)
		default:
			f.low[n] = min(f.low[n], f.index[to])
		}
	}
}

// takeComponent takes the component of root, which is complete, off the stack.
func (f *coreFinder) takeComponent(root node) {
	at := len(f.stack) - 1
	for f.stack[at] != root {
		at--
	}
	label := int32(0)
	if component := f.stack[at:]; len(component) > 1 {
		f.lastPart++
		label = f.lastPart
		f.work = append(f.work, part{nodes: slices.Clone(component), component: true})
	}
	for _, n := range f.stack[at:] {
		f.part[n] = label
	}
	f.stack = f.stack[:at]
}

func (f *coreFinder) isProcess(n node) bool { return int(n) < len(f.g.deadlocked) }

func (f *coreFinder) resourceOf(n node) Resource { return f.resources[int(n)-len(f.g.deadlocked)] }

func (f *coreFinder) processNode(p Process) (n node, ok bool) {
	pr := &f.g.processes[p]
	return node(pr.position), pr.deadlocked
}

func (f *coreFinder) resourceNode(r Resource) (n node, ok bool) {
	slot := f.g.resources[r].slot
	return node(int32(len(f.g.deadlocked)) + slot - 1), slot > 0
}

// countEdges returns how many edges lead from n to nodes of part.
func (f *coreFinder) countEdges(n node, part int32) (count int32) {
	for e := f.firstEdge(n); e != 0; e = f.nextEdge(n, e) {
		if to, ok := f.target(n, e); ok && f.part[to] == part {
			count++
		}
	}
	return count
}

// The edges of a process lead to what it waits for, those of a resource to
// those who hold it.

func (f *coreFinder) firstEdge(n node) edgeID {
	if f.isProcess(n) {
		return f.g.processes[f.g.deadlocked[n]].waits
	}
	return f.g.resources[f.resourceOf(n)].holders
}

func (f *coreFinder) nextEdge(n node, e edgeID) edgeID {
	if f.isProcess(n) {
		return f.g.next(e, ofProcess)
	}
	return f.g.next(e, ofResource)
}

func (f *coreFinder) target(n node, e edgeID) (to node, ok bool) {
	if f.isProcess(n) {
		return f.resourceNode(f.g.edges[e].resource)
	}
	return f.processNode(f.g.edges[e].process)
}
