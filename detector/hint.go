package detector

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// hintID names the hold whose chain a hint comes from.
type hintID struct {
	from *node
	via  report.Resource
}

func compareHintIDs(a, b hintID) int {
	return cmp.Or(compareNodes(a.from, b.from), strings.Compare(string(a.via), string(b.via)))
}

// hint is one hop: its process waits for reply and, if it is not the outermost
// of its chain, owes the reply that the hop before it waits for.
type hint struct {
	report.Hop
	owes report.Resource // "" for the outermost
}

// spread makes the chains of a node's holds its hints, and takes back what
// earlier ones said and these do not. It comes after all states of a batch have
// been taken, since most of what their chains say is then known first-hand.
func (d *Detector) spread(from *node) {
	earlier := from.hinted
	from.hinted = nil
	if from.blocked {
		var via []report.Resource
		for name, h := range from.holds.all() {
			if len(h.Chain) > 0 {
				via = append(via, name)
			}
		}
		slices.Sort(via)
		for _, name := range via {
			h, _ := from.holds.get(name)
			d.hint(from, &h)
		}
	}
	d.dropHints(from, earlier)
}

// hint tells the nodes that the chain of a hold speaks of, but for those that
// have spoken for themselves of that epoch or a later one.
func (d *Detector) hint(from *node, h *report.Hold) {
	id := hintID{from, h.Resource}
	var owes report.Resource
	for _, hop := range h.Chain {
		if n := d.node(hop.Key); n != from && n.epoch < hop.Epoch {
			d.setHint(n, id, hint{hop, owes})
		}
		owes = hop.Reply
	}
}

func (d *Detector) setHint(n *node, id hintID, h hint) {
	if n.hints == nil {
		n.hints = make(map[hintID]hint)
	}
	if len(n.hints) == 0 {
		n.hintedAt = d.now
		d.hinted[n] = struct{}{}
	}
	if id.from.hinted == nil {
		id.from.hinted = make(map[hintID][]*node)
	}
	id.from.hinted[id] = append(id.from.hinted[id], n)
	if n.hints[id] == h {
		return
	}
	n.hints[id] = h
	if !h.Deadline.IsZero() {
		d.expiries.add(expiry{h.Deadline, n, id})
	}
	d.refresh(n)
}

// dropHints takes back what the chains of a node's earlier holds said and
// those that it has now do not say again.
func (d *Detector) dropHints(from *node, earlier map[hintID][]*node) {
	if len(earlier) == 0 {
		return
	}
	for _, id := range slices.SortedFunc(maps.Keys(earlier), compareHintIDs) {
		for _, n := range earlier[id] {
			if !slices.Contains(from.hinted[id], n) {
				d.dropHint(n, id)
			}
		}
	}
}

func (d *Detector) dropHint(n *node, id hintID) {
	if _, ok := n.hints[id]; ok {
		delete(n.hints, id)
		if len(n.hints) == 0 {
			delete(d.hinted, n)
		}
		d.refresh(n)
		d.collect(n)
	}
}

// expiry is the deadline of one hop.
type expiry struct {
	at time.Time
	n  *node
	id hintID
}

// due reports whether the hint is still there.
func (e *expiry) due() bool {
	h, ok := e.n.hints[e.id]
	return ok && h.Deadline.Equal(e.at)
}

// expiries is a heap. Those of hints that are gone stay in it until there are as many
// of them as of others.
type expiries struct {
	byTime []expiry
	sweep  int // when there are so many
}

func (e *expiries) Len() int           { return len(e.byTime) }
func (e *expiries) Less(i, j int) bool { return e.byTime[i].at.Before(e.byTime[j].at) }
func (e *expiries) Swap(i, j int)      { e.byTime[i], e.byTime[j] = e.byTime[j], e.byTime[i] }
func (e *expiries) Push(x any)         { e.byTime = append(e.byTime, x.(expiry)) }
func (e *expiries) Pop() any {
	last := e.byTime[len(e.byTime)-1]
	e.byTime[len(e.byTime)-1] = expiry{}
	e.byTime = e.byTime[:len(e.byTime)-1]
	return last
}

func (e *expiries) add(x expiry) {
	const few = 1024
	if len(e.byTime) >= max(e.sweep, few) {
		e.byTime = slices.DeleteFunc(e.byTime, func(x expiry) bool { return !x.due() })
		heap.Init(e)
		e.sweep = 2 * len(e.byTime)
	}
	heap.Push(e, x)
}

// expireHints drops the hops whose deadline has passed: their processes have
// gone on, whatever became of them.
func (d *Detector) expireHints() {
	for d.expiries.Len() > 0 && !d.expiries.byTime[0].at.After(d.now) {
		if e := heap.Pop(&d.expiries).(expiry); e.due() {
			d.dropHint(e.n, e.id)
		}
	}
}

// checkHints asks, from time to time, about those of whom call chains alone have told
// for a while. Who still waits would have said so himself; of one that has gone on, or
// has died while no detector was there to hear it, nobody else tells.
func (d *Detector) checkHints() {
	if d.now.Before(d.hintsAt) {
		return
	}
	d.hintsAt = d.now.Add(d.cfg.Remind)
	about := make(map[*agent][]*node)
	for n := range d.hinted {
		if a := n.agent; !n.gone && n.foretold() && !a.lost && !a.heard.IsZero() && d.now.Sub(n.hintedAt) >= d.cfg.Remind {
			about[a] = append(about[a], n)
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(about), compareAgents) {
		slices.SortFunc(about[a], compareNodes)
		var q report.Question
		for _, n := range about[a][:min(len(about[a]), maxMerged)] {
			q.Processes = append(q.Processes, n.key)
		}
		d.pose(a, q)
	}
}

// foretold reports whether call chains tell of a later epoch than the node itself.
func (n *node) foretold() bool {
	for _, h := range n.hints {
		if h.Epoch > n.epoch {
			return true
		}
	}
	return false
}

// disown takes note of processes that their agent does not know any more: whatever
// call chains tell of them is over.
func (d *Detector) disown(a *agent, unknown []report.Key) {
	for _, k := range unknown {
		if n := d.nodes[k]; n != nil && n.agent == a && !n.gone {
			n.gone = true
			d.inherit(n)
			d.refresh(n)
		}
	}
}

// inherit keeps in mind which requests a process that is gone had taken. Its agent
// can tell what became of them as long as it lives.
func (d *Detector) inherit(n *node) {
	a := n.agent
	if a.owed == nil {
		a.owed = make(map[*resource]struct{})
	}
	maps.DeleteFunc(a.owed, func(r *resource, _ struct{}) bool { return d.resources[r.name] != r })
	for _, h := range n.hints {
		if r := d.resources[h.owes]; r != nil {
			a.owed[r] = struct{}{}
		}
	}
}

// derive works out what the graph should say of a node: what its agent says,
// unless hints speak of a later epoch. Those about an agent that is over are of
// no use: its processes are gone, or nothing is known of them.
func (n *node) derive() (epoch uint64, waits []report.Wait, need int, byHints bool) {
	for _, h := range n.hints {
		epoch = max(epoch, h.Epoch)
	}
	if epoch <= n.epoch || n.agent.over || n.gone {
		return n.epoch, n.waits, n.need, false
	}
	for _, h := range n.hints {
		if h.Epoch == epoch && !h.Partial {
			waits = append(waits, report.Wait{Resource: h.Reply, Kind: report.Reply, Deadline: h.Deadline})
		}
	}
	sortWaits(waits)
	waits = slices.CompactFunc(waits, sameResource)
	return epoch, waits, len(waits), true
}

func sameResource(a, b report.Wait) bool { return a.Resource == b.Resource }

func awaits(waits []report.Wait, r report.Resource) bool {
	return slices.ContainsFunc(waits, func(w report.Wait) bool { return w.Resource == r })
}
