package detector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/waitfor"
)

// resource is a resource by its name, as the graph knows it.
type resource struct {
	name    report.Resource
	kind    report.Kind
	vertex  waitfor.Resource
	waiters set[*node] // whose shown waits name it
	holders crowd      // whose shown holds name it
	// queue is where the request lies whose reply this is, if that is known.
	// While nobody is known to have taken the request, its caller waits for
	// any consumer of the queue: its edge in the graph leads there. So does
	// that of one who waits for space in the queue.
	queue *queue
	// vouched is how many can grant it altogether, by the most that a waiter says; 0
	// if none can tell, or there are none. While fewer are known, somebody else may
	// grant it. claims counts the waiters by what they say.
	vouched int
	claims  table[int, int]
	// doubts are the agents of consumers that vanished while the request lay
	// in the queue. They may have taken it and given it up, and cannot be
	// asked any more.
	doubts map[*agent]struct{}
	// outnumbered is the most consumers of the queue that the broker has counted
	// while not all of them were known; 0 if they were, or have become so since;
	// strangerGone once it has counted fewer.
	outnumbered int
	missed      int // waits for it of agents that are silent

	grantor grantor
}

// queue is a queue on the broker with the processes that consume it.
type queue struct {
	name    string
	vertex  waitfor.Resource
	members crowd
	// unknown counts, by agents that fell silent, the members that may or
	// may not be left. While there are any, somebody may take the request.
	unknown map[*agent]int
	waiters map[*resource]struct{} // resources that refer to this queue

	counting    int       // how often the broker was asked to count it and has not done so
	countAt     time.Time // when it was last asked
	known       int       // the most members since the first of those times
	strangers   int       // how many consumers it counted last, if not all were known; 0 otherwise
	outnumbered bool      // some waiters are
	blocked     int       // of the members
	lastWorker  bool

	grantor grantor
}

func (d *Detector) resource(w *report.Wait) *resource {
	r := d.resourceNamed(w.Resource, w.Kind)
	if name, ok := queueOf(w); ok && r.queue == nil {
		r.queue = d.queue(name)
		r.queue.waiters[r] = struct{}{}
		if n := r.queue.strangers; n > 0 {
			r.outnumbered, r.queue.outnumbered = n, true
		}
	}
	return r
}

// queueOf returns the queue in which a wait's request lies until it is taken.
func queueOf(w *report.Wait) (name string, ok bool) {
	switch w.Kind {
	case report.Reply, report.Buffer:
		return w.Destination.Queue()
	case report.Queue:
		return string(w.Resource), true
	default:
		return "", false
	}
}

func (d *Detector) resourceNamed(name report.Resource, kind report.Kind) *resource {
	r := d.resources[name]
	if r == nil {
		r = &resource{name: name, kind: kind, vertex: d.graph.AddResource()}
		d.resources[name] = r
	}
	return r
}

func (d *Detector) queue(name string) *queue {
	q := d.queues[name]
	if q == nil {
		q = &queue{
			name: name, vertex: d.graph.AddResource(),
			unknown: make(map[*agent]int), waiters: make(map[*resource]struct{}),
		}
		d.queues[name] = q
	}
	return q
}

// partial reports whether somebody can grant r of whom nothing is known.
func (r *resource) partial() bool {
	return r.untaken() == nil && r.holders.len() < r.vouched
}

// claim notes that so many more waiters say, or say no more, how many can grant r.
// Those of one agent say the same in the end; where others differ, who says most is
// held to be right: it costs a verdict at worst.
func (d *Detector) claim(r *resource, holders, waiters int) {
	if holders == 0 {
		return
	}
	n, _ := r.claims.get(holders)
	n += waiters
	most := r.vouched
	if n > 0 {
		r.claims.put(holders, n)
		most = max(most, holders)
	} else if r.claims.remove(holders); holders == most {
		most = 0
		for h := range r.claims.keys() {
			most = max(most, h)
		}
	}
	if r.vouched != most {
		r.vouched = most
		d.complete(r)
	}
}

// complete makes the graph say whether somebody unknown can grant r, after its
// holders or the word of its waiters have changed.
func (d *Detector) complete(r *resource) {
	if r.partial() {
		d.graph.Hold(r.vertex, d.stranger)
	} else {
		d.graph.Release(r.vertex, d.stranger)
	}
}

// awaited reports whether somebody waits for those who consume the queue.
func (q *queue) awaited() bool {
	for r := range q.waiters {
		if r.waiters.len() > 0 {
			return true
		}
	}
	return false
}

// untaken returns the queue in which the request lies for whose reply r
// stands, nil if it has been taken or lies nobody knows where.
func (r *resource) untaken() *queue {
	if r.holders.len() > 0 {
		return nil
	}
	return r.queue
}

// vertexNow is what a wait for r leads to in the graph.
func (r *resource) vertexNow() waitfor.Resource {
	if q := r.untaken(); q != nil {
		return q.vertex
	}
	return r.vertex
}

// refresh makes the graph say of a node what derive works out.
func (d *Detector) refresh(n *node) {
	epoch, waits, need, byHints := n.derive()
	d.recheck = d.recheck || n.verdict != nil
	n.shown.epoch, n.shown.hint = epoch, byHints
	d.showHolds(n, byHints)
	d.showWaits(n, need, waits)
}

func (d *Detector) showHolds(n *node, byHints bool) {
	held := d.held[:0]
	if byHints {
		for _, h := range n.hints {
			if h.Epoch == n.shown.epoch && h.owes != "" {
				held = append(held, h.owes)
			}
		}
	} else {
		for name := range n.holds.keys() {
			held = append(held, name)
		}
	}
	slices.Sort(held)
	var gone []*resource
	for r := range n.shown.holds.keys() {
		if _, still := slices.BinarySearch(held, r.name); !still {
			gone = append(gone, r)
		}
	}
	slices.SortFunc(gone, func(a, b *resource) int { return cmp.Compare(a.name, b.name) })
	for _, r := range gone {
		d.hideHold(n, r)
	}
	for _, name := range held {
		d.showHold(n, name)
	}
	clear(held)
	d.held = held
}

func (d *Detector) showHold(n *node, name report.Resource) {
	h, _ := n.holds.get(name)
	r := d.resourceNamed(name, h.Kind)
	if n.shown.holds.has(r) {
		return
	}
	n.shown.holds.put(r, struct{}{})
	r.holders.put(n)
	d.graph.Hold(r.vertex, n.vertex)
	if r.vouched > 0 {
		d.complete(r)
	}
	if r.holders.len() == 1 {
		d.redirect(r)
	}
}

func (d *Detector) hideHold(n *node, r *resource) {
	n.shown.holds.remove(r)
	r.holders.remove(n)
	if r.holders.len() == 0 {
		d.redirect(r)
	}
	if r.vouched > 0 {
		d.complete(r)
	}
	if n.agent.over {
		r.doubt(n.agent) // it may have given the request up, or the broker delivers it again
	}
	d.graph.Release(r.vertex, n.vertex)
	d.collectResource(r)
}

// redirect leads the waiters of a reply anew after its request was taken, or
// lost its last known holder.
func (d *Detector) redirect(r *resource) {
	if r.queue == nil {
		return
	}
	for _, n := range slices.SortedFunc(r.waiters.keys(), compareNodes) {
		d.block(n)
	}
}

func (d *Detector) showWaits(n *node, need int, waits []report.Wait) {
	if n.shown.need == need && slices.EqualFunc(n.shown.waits, waits, sameWait) {
		return
	}
	before := n.shown.waits
	switch {
	case len(before) == 0 && len(waits) > 0:
		d.countBlocked(n, 1)
	case len(before) > 0 && len(waits) == 0:
		d.countBlocked(n, -1)
	}
	n.shown.waits, n.shown.need = make([]target, 0, len(waits)), need
	for i := range waits {
		r := d.resource(&waits[i])
		r.waiters.put(n, struct{}{})
		d.claim(r, waits[i].Holders, 1)
		n.shown.waits = append(n.shown.waits, target{waits[i], r})
	}
	d.block(n)
	for _, t := range before {
		d.claim(t.on, t.wait.Holders, -1)
		if !awaits(waits, t.on.name) {
			t.on.waiters.remove(n)
			d.collectResource(t.on)
		}
	}
}

// sameWait leaves aside how often the wait was refused: the graph says nothing of it.
func sameWait(t target, w report.Wait) bool {
	w.Refusals = t.wait.Refusals
	return t.wait == w
}

// block hands a node's waits to the graph.
func (d *Detector) block(n *node) {
	if len(n.shown.waits) == 0 {
		d.graph.Unblock(n.vertex)
		return
	}
	on := make([]waitfor.Resource, 0, len(n.shown.waits))
	for _, t := range n.shown.waits {
		on = append(on, t.on.vertexNow())
	}
	d.graph.Block(n.vertex, n.shown.need, on)
}

// collectResource has a resource forgotten that nobody waits for or holds, but
// not before the end of the step: what is known of it must not hang on the order
// in which the step takes things away and adds them.
func (d *Detector) collectResource(r *resource) {
	if r.waiters.len() == 0 && r.holders.len() == 0 {
		d.idle = append(d.idle, r)
	}
}

// forgetIdle forgets the resources that are still idle at the end of a step.
func (d *Detector) forgetIdle() {
	for i, r := range d.idle {
		d.idle[i] = nil
		if r.waiters.len() > 0 || r.holders.len() > 0 || r.missed > 0 || d.resources[r.name] != r {
			continue
		}
		d.graph.RemoveResource(r.vertex)
		delete(d.resources, r.name)
		for a := range r.doubts {
			r.trust(a)
		}
		if q := r.queue; q != nil {
			delete(q.waiters, r)
			d.collectQueue(q)
		}
	}
	d.idle = d.idle[:0]
}

func (d *Detector) collectQueue(q *queue) {
	if len(q.waiters) == 0 && q.members.len() == 0 && len(q.unknown) == 0 {
		d.graph.RemoveResource(q.vertex)
		delete(d.queues, q.name)
	}
}

// sortWaits sorts by resource; what is said twice of one, by deadline.
func sortWaits(waits []report.Wait) {
	slices.SortFunc(waits, func(a, b report.Wait) int {
		return cmp.Or(strings.Compare(string(a.Resource), string(b.Resource)), a.Deadline.Compare(b.Deadline))
	})
}
