package waitfor

import (
	"fmt"
	"slices"
)

// Process is the handle of a process. Handles are small integers, so that
// callers can index slices with them; that of a removed process is given out
// again. The zero handle is never given out.
type Process int32

// Resource is the handle of a resource, under the same rules as Process.
type Resource int32

// process is what the graph keeps for one process.
type process struct {
	need      int32 // how many resources it waits for must be granted; 0 while it is active
	grantable int32 // wait edges whose resource is grantable
	waitCount int32
	holdCount int32
	waits     edgeID // first of its wait edges
	holds     edgeID // first of its hold edges
	position  int32  // in Graph.deadlocked, if it is deadlocked
	slot      int32  // 1 + its place in the scratch space of a running search; 0 outside one

	live       bool
	deadlocked bool
	inCore     bool // a member of one of Graph.cores; meaningful while coresValid
	doubted    bool // in Graph.doubts
	behind     bool // visited by a running backward search
}

func (p *process) blocked() bool { return p.need > 0 }

// stuck reports whether p cannot go on as things stand.
func (p *process) stuck() bool { return p.grantable < p.need }

// resource is what the graph keeps for one resource.
type resource struct {
	holderCount int32
	waiterCount int32
	free        int32  // hold edges whose process is not deadlocked
	holders     edgeID // first of its hold edges
	waiters     edgeID // first of its wait edges
	slot        int32  // as in process

	live    bool
	doubted bool // in Graph.doubts
}

// grantable reports whether somebody can grant r: nobody is known to hold it,
// or one of its holders is not deadlocked.
func (r *resource) grantable() bool { return r.holderCount == 0 || r.free > 0 }

// Graph is the wait-for graph. It is not safe for concurrent use. Create one
// with New.
type Graph struct {
	processes []process  // by handle
	resources []resource // by handle
	edges     []edge     // by edgeID

	freeProcesses []Process
	freeResources []Resource
	freeEdges     edgeID

	blockedCount int
	waitCount    int // wait edges

	// deadlocked is the greatest set of blocked processes of which each is
	// stuck, in no order, whenever no method is running.
	deadlocked []Process

	joining []Process // deadlocked, but not yet taken off resource.free
	leaving []Process // no longer deadlocked, but not yet added to resource.free
	doubts  []doubt   // what may have lost the last way to be granted
	search  search

	cores        [][]Process
	coresValid   bool
	coresVersion uint64
}

// New returns an empty graph.
func New() *Graph {
	return &Graph{
		processes:  make([]process, 1),
		resources:  make([]resource, 1),
		edges:      make([]edge, 1),
		coresValid: true,
	}
}

// AddProcess adds an active process that holds nothing.
func (g *Graph) AddProcess() Process {
	return place(&g.processes, &g.freeProcesses, process{live: true})
}

// place puts a thing where one has been removed, or behind all others.
func place[H ~int32, T any](all *[]T, free *[]H, thing T) (handle H) {
	if len(*free) > 0 {
		handle = pop(free)
		(*all)[handle] = thing
		return handle
	}
	*all = append(*all, thing)
	return H(len(*all) - 1)
}

// RemoveProcess unblocks p, releases everything that it holds and gives up its
// handle.
func (g *Graph) RemoveProcess(p Process) {
	g.Unblock(p)
	pr := g.process(p)
	for pr.holds != 0 {
		g.release(pr.holds)
	}
	*pr = process{}
	g.freeProcesses = append(g.freeProcesses, p)
}

// AddResource adds a resource that nobody waits for and nobody holds.
func (g *Graph) AddResource() Resource {
	return place(&g.resources, &g.freeResources, resource{live: true})
}

// RemoveResource gives up the handle of r. It panics if anybody waits for r or
// holds it.
func (g *Graph) RemoveResource(r Resource) {
	rs := g.resource(r)
	if rs.waiterCount > 0 || rs.holderCount > 0 {
		panic(fmt.Sprintf("waitfor: resource %d removed with %d waiters and %d holders", r, rs.waiterCount, rs.holderCount))
	}
	*rs = resource{}
	g.freeResources = append(g.freeResources, r)
}

// Block makes p wait until need of the resources in on are granted, instead of
// whatever it waited for before. A resource that is listed twice counts twice.
// It panics unless 1 <= need <= len(on).
func (g *Graph) Block(p Process, need int, on []Resource) {
	if need < 1 || need > len(on) {
		panic(fmt.Sprintf("waitfor: process %d needs %d of %d resources", p, need, len(on)))
	}
	pr := g.process(p)
	for _, r := range on {
		g.resource(r) // panics before anything has changed
	}
	if int(pr.need) == need && g.waitsFor(pr, on) {
		return
	}
	if !pr.blocked() {
		g.blockedCount++
	}
	g.dropWaits(p)
	pr.need = int32(need)
	for _, r := range slices.Backward(on) {
		g.addWait(p, r)
	}
	switch {
	case pr.deadlocked && pr.stuck():
		// Nobody else can tell the difference: the deadlocked set stays.
		g.coresChanged()
	case pr.deadlocked:
		g.leave(p)
	case pr.stuck():
		g.join(p)
	default:
		g.doubtProcess(p)
	}
	g.settle()
}

// Unblock makes p active. It does nothing if p is.
func (g *Graph) Unblock(p Process) {
	pr := g.process(p)
	if !pr.blocked() {
		return
	}
	g.blockedCount--
	g.dropWaits(p)
	pr.need = 0
	if pr.deadlocked {
		g.leave(p)
		g.settle()
	}
}

// Hold says that p can grant r. It does nothing if that is known.
func (g *Graph) Hold(r Resource, p Process) {
	pr, rs := g.process(p), g.resource(r)
	if g.findHold(r, p) != 0 {
		return
	}
	was := rs.grantable()
	g.addHold(r, p)
	if !pr.deadlocked {
		rs.free++
	}
	switch now := rs.grantable(); {
	case was && !now:
		g.lose(r)
	case !was && now:
		g.gain(r)
	case !now:
		g.edgeChanged(r)
	case rs.holderCount == 1 && pr.blocked():
		g.doubtResource(r)
	}
	g.settle()
}

// Release says that p cannot grant r any more. It does nothing if p does not
// hold r.
func (g *Graph) Release(r Resource, p Process) {
	g.process(p)
	g.resource(r)
	if e := g.findHold(r, p); e != 0 {
		g.release(e)
	}
}

func (g *Graph) release(e edgeID) {
	p, r := g.edges[e].process, g.edges[e].resource
	pr, rs := g.process(p), g.resource(r)
	was := rs.grantable()
	g.dropHold(e)
	if !pr.deadlocked {
		rs.free--
	}
	switch now := rs.grantable(); {
	case was && !now:
		g.lose(r)
	case !was && now:
		g.gain(r)
	case !now:
		g.edgeChanged(r)
	case rs.holderCount > 0 && !pr.deadlocked:
		g.doubtResource(r)
	}
	g.settle()
}

func (g *Graph) process(p Process) *process {
	if p <= 0 || int(p) >= len(g.processes) || !g.processes[p].live {
		panic(fmt.Sprintf("waitfor: no process %d", p))
	}
	return &g.processes[p]
}

func (g *Graph) resource(r Resource) *resource {
	if r <= 0 || int(r) >= len(g.resources) || !g.resources[r].live {
		panic(fmt.Sprintf("waitfor: no resource %d", r))
	}
	return &g.resources[r]
}
