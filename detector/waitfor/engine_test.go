package waitfor

// engine is what a stream of waits and holds can be fed to: this package's
// graph, or one of the ways in which others detect deadlocks. Processes and
// resources are numbered from 0.
type engine interface {
	block(p, need int32, on []int32)
	unblock(p int32)
	hold(r, p int32)
	release(r, p int32)
}

// graphEngine is the package's own graph. It adds a resource when it is first
// mentioned and removes it when nobody waits for it or holds it, as one that
// is named after a request comes and goes.
type graphEngine struct {
	g         *Graph
	resources []Resource // by number, 0 if there is none
	on        []Resource
}

func newGraphEngine() engine { return &graphEngine{g: New()} }

func (e *graphEngine) process(p int32) Process {
	for int(p)+1 >= len(e.g.processes) {
		e.g.AddProcess()
	}
	return Process(p + 1) // handles are given out in order
}

func (e *graphEngine) resource(r int32) Resource {
	for int(r) >= len(e.resources) {
		e.resources = append(e.resources, 0)
	}
	if e.resources[r] == 0 {
		e.resources[r] = e.g.AddResource()
	}
	return e.resources[r]
}

func (e *graphEngine) forgetIdle(r int32) {
	if h := e.resources[r]; e.g.NumHolders(h) == 0 && e.g.NumWaiters(h) == 0 {
		e.g.RemoveResource(h)
		e.resources[r] = 0
	}
}

func (e *graphEngine) block(p, need int32, on []int32) {
	e.on = e.on[:0]
	for _, r := range on {
		e.on = append(e.on, e.resource(r))
	}
	e.g.Block(e.process(p), int(need), e.on)
}

func (e *graphEngine) unblock(p int32) { e.g.Unblock(e.process(p)) }

func (e *graphEngine) hold(r, p int32) { e.g.Hold(e.resource(r), e.process(p)) }

func (e *graphEngine) release(r, p int32) {
	e.g.Release(e.resource(r), e.process(p))
	e.forgetIdle(r)
}

// log is a stream that has been written down, so that a benchmark measures the
// engine and not the stream.
type log struct {
	entries []entry
	on      []int32 // of all entries
}

type entry struct {
	kind             kind
	process, need    int32
	resource, onFrom int32
	onTo             int32
}

type kind uint8

const (
	block kind = iota
	unblock
	hold
	release
	stepEnd
)

func (l *log) block(p, need int32, on []int32) {
	from := int32(len(l.on))
	l.on = append(l.on, on...)
	l.entries = append(l.entries, entry{kind: block, process: p, need: need, onFrom: from, onTo: int32(len(l.on))})
}

func (l *log) unblock(p int32) { l.entries = append(l.entries, entry{kind: unblock, process: p}) }

func (l *log) hold(r, p int32) {
	l.entries = append(l.entries, entry{kind: hold, process: p, resource: r})
}

func (l *log) release(r, p int32) {
	l.entries = append(l.entries, entry{kind: release, process: p, resource: r})
}

func (l *log) endStep() { l.entries = append(l.entries, entry{kind: stepEnd}) }

func (l *log) reset() { l.entries, l.on = l.entries[:0], l.on[:0] }

// replay feeds one step to e, beginning with the entry at from, and returns
// where the next one begins.
func (l *log) replay(e engine, from int) (next int) {
	for i := from; i < len(l.entries); i++ {
		switch n := &l.entries[i]; n.kind {
		case block:
			e.block(n.process, n.need, l.on[n.onFrom:n.onTo])
		case unblock:
			e.unblock(n.process)
		case hold:
			e.hold(n.resource, n.process)
		case release:
			e.release(n.resource, n.process)
		case stepEnd:
			return i + 1
		}
	}
	return len(l.entries)
}
