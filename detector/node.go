package detector

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/waitfor"
)

// node is one process: what its agent says of it and what the call chains of
// others hint at. What stands in the graph is derived from both by refresh.
type node struct {
	key    report.Key
	agent  *agent
	vertex waitfor.Process

	// What the agent last said. seq is the last report in an unbroken row,
	// base the last complete one; both are 0 if there was none.
	epoch     uint64
	seq, base uint64
	blocked   bool
	waits     []report.Wait
	need      int
	holds     table[report.Resource, report.Hold]
	breach    bool
	went      time.Time  // when it was last heard to go on
	dying     bool       // it is among the graves
	ended     report.End // the last epoch known to have ended, and how

	hints    map[hintID]hint
	hintedAt time.Time          // when the first of them came
	gone     bool               // its agent does not know it any more: hints are old
	hinted   map[hintID][]*node // by the holds of this node: whom their chains speak of
	consumes []*queue           // of which it is a member

	shown    shown // what stands in the graph
	verdict  *verdict
	foreseen foreseen
	near     uint64 // the last epoch that came near its timeout
}

// shown is what the graph says of a node.
type shown struct {
	epoch uint64
	hint  bool // derived from hints alone
	need  int
	waits []target
	holds set[*resource]
}

// target is one resource that a node waits for.
type target struct {
	wait report.Wait
	on   *resource
}

// grave marks a node that went on: it is kept for a while so that late reports
// of its old epochs are recognized. A node has one at most, however often it
// goes on.
type grave struct {
	node  *node
	until time.Time
}

// unknownCause stands for the end of an epoch of which no report told.
const unknownCause report.Cause = 0

// graveTime is how long a process that went on is remembered.
const graveTime = 30 * time.Second

// node returns the node for key, which it makes if there is none.
func (d *Detector) node(key report.Key) *node {
	n := d.nodes[key]
	if n == nil {
		n = &node{key: key, agent: d.agent(key.Agent), vertex: d.graph.AddProcess()}
		d.nodes[key] = n
		for len(d.vertices) <= int(n.vertex) {
			d.vertices = append(d.vertices, nil)
		}
		d.vertices[n.vertex] = n
		n.agent.nodes[n] = struct{}{}
	}
	return n
}

// collect forgets a node about which nothing is known any more.
func (d *Detector) collect(n *node) {
	if n.blocked || n.seq != 0 || len(n.hints) > 0 || len(n.consumes) > 0 || d.nodes[n.key] != n {
		return
	}
	d.graph.RemoveProcess(n.vertex)
	d.vertices[n.vertex] = nil
	delete(d.nodes, n.key)
	delete(n.agent.nodes, n)
}

// accept takes one reported state of a process, and reports whether it was
// news. A state that leaves a gap is taken as far as it goes and makes the
// digests differ, so that the gap is closed by a pull.
func (d *Detector) accept(s *report.State) bool {
	n := d.node(s.Key)
	switch {
	case s.Addition:
		return d.acceptAddition(n, s)
	case n.seq != 0 && s.Seq <= n.base, s.Epoch < n.epoch:
		return false
	}
	if n.blocked {
		n.agent.digest.Remove(n.key, n.epoch, n.seq)
	}
	d.endEpoch(n, s)
	d.refusedAnew(n, s.Waits)
	known := n.holds
	if s.Epoch != n.epoch {
		known = table[report.Resource, report.Hold]{}
	}
	n.epoch, n.seq, n.base = s.Epoch, s.Seq, s.Seq
	n.blocked, n.waits, n.need = len(s.Waits) > 0, s.Waits, s.Need
	n.holds = table[report.Resource, report.Hold]{}
	if s.Breach && !n.breach {
		n.breach = true
		d.stats.Breaches++
	}
	if n.blocked {
		n.agent.digest.Add(n.key, n.epoch, n.seq)
	} else {
		d.mourn(n)
	}
	for _, h := range s.Holds {
		if before, ok := known.get(h.Resource); ok && len(h.Chain) == 0 {
			h.Chain = before.Chain // an answer leaves out what was reported
		}
		n.holds.put(h.Resource, h)
	}
	d.refresh(n)
	d.speakers = append(d.speakers, n)
	return true
}

func (d *Detector) acceptAddition(n *node, s *report.State) bool {
	if !n.blocked || s.Epoch != n.epoch || s.Seq <= n.base {
		if s.Epoch > n.epoch {
			d.pull(n.agent)
		}
		d.collect(n)
		return false
	}
	if s.Seq == n.seq+1 {
		n.agent.digest.Remove(n.key, n.epoch, n.seq)
		n.seq = s.Seq
		n.agent.digest.Add(n.key, n.epoch, n.seq)
	}
	for _, h := range s.Holds {
		if !n.holds.has(h.Resource) {
			n.holds.put(h.Resource, h)
			d.showHold(n, h.Resource)
			d.hint(n, &h)
		}
	}
	return true
}

// endEpoch notes how the epoch in which the node was known to be blocked ended,
// if s is of another one.
func (d *Detector) endEpoch(n *node, s *report.State) {
	switch {
	case !n.blocked, s.Epoch == n.epoch && len(s.Waits) > 0:
	case s.Ended != nil && s.Ended.Epoch == n.epoch:
		n.ended = *s.Ended
		if s.Ended.Cause == report.TimedOut {
			d.stats.TimedOut.count(n.foreseen.about(n.epoch))
		}
	default:
		n.ended = report.End{Epoch: n.epoch, Cause: unknownCause}
	}
}

// release ends what is known of a node's waits and holds without a report of
// its own, for the given cause.
func (d *Detector) release(n *node, cause report.Cause) {
	if n.blocked {
		n.agent.digest.Remove(n.key, n.epoch, n.seq)
		n.ended = report.End{Epoch: n.epoch, Cause: cause}
	}
	earlier := n.hinted
	n.hinted = nil
	d.dropHints(n, earlier)
	n.blocked, n.waits, n.need, n.holds = false, nil, 0, table[report.Resource, report.Hold]{}
	d.mourn(n)
	d.refresh(n)
}

// mourn notes that a node went on.
func (d *Detector) mourn(n *node) {
	n.went = d.now
	if !n.dying {
		n.dying = true
		d.graves = append(d.graves, grave{n, d.now.Add(graveTime)})
	}
}

// buryNodes forgets the nodes that went on long ago and have not come back.
func (d *Detector) buryNodes() {
	for len(d.graves) > 0 && !d.graves[0].until.After(d.now) {
		n := d.graves[0].node
		d.graves[0].node = nil
		d.graves = d.graves[1:]
		n.dying = false
		switch until := n.went.Add(graveTime); {
		case n.blocked:
		case until.After(d.now):
			n.dying = true
			d.graves = append(d.graves, grave{n, until})
		default:
			n.seq, n.base, n.holds = 0, 0, table[report.Resource, report.Hold]{}
			d.refresh(n)
			d.collect(n)
		}
	}
}
