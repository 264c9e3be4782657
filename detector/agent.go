package detector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// agent is one incarnation of an agent.
type agent struct {
	id            report.Agent
	service, host string
	heard         time.Time // zero if it was only mentioned by others
	mentioned     time.Time
	lost          bool // its lease ran out, or a later incarnation was heard
	synced        bool // its last digest matched
	pulled        time.Time
	digest        report.Digest // of its blocked nodes
	nodes         map[*node]struct{}
	members       map[report.Member]struct{}
	consumed      map[string]struct{} // queues that are or were in members
}

func (d *Detector) agent(id report.Agent) *agent {
	a := d.agents[id]
	if a == nil {
		a = &agent{
			id: id, mentioned: d.now,
			nodes: make(map[*node]struct{}), members: make(map[report.Member]struct{}), consumed: make(map[string]struct{}),
		}
		d.agents[id] = a
	}
	return a
}

// report takes one batch.
func (d *Detector) report(b *report.Batch) {
	a := d.agent(b.Agent)
	if !d.hear(a) {
		d.stats.Stale += uint64(len(b.States))
		return
	}
	a.service, a.host = b.Service, b.Host
	for i := range b.States {
		d.stats.Reports++
		if !d.accept(&b.States[i]) {
			d.stats.Stale++
		}
	}
	for _, n := range d.speakers {
		d.spread(n)
	}
	clear(d.speakers)
	d.speakers = d.speakers[:0]
	if b.Answer != nil {
		if r := d.rounds[b.Answer.Round]; r != nil {
			r.answered(d.now, b)
			d.finished(r)
		}
	}
	if b.Heartbeat != nil {
		d.heartbeat(a, b)
	}
}

// hear renews an agent's lease. It reports false for an incarnation that is
// known to be over.
func (d *Detector) hear(a *agent) bool {
	newest := d.newest[a.id.Name]
	switch {
	case newest == nil:
		d.newest[a.id.Name] = a
	case newest.id.Incarnation > a.id.Incarnation:
		return false
	case newest != a:
		d.newest[a.id.Name] = a
		d.end(newest, report.Crashed)
	}
	if a.lost {
		d.trust(a)
	}
	a.heard, a.lost = d.now, false
	return true
}

// heartbeat compares what is known of an agent with what it says it reported.
func (d *Detector) heartbeat(a *agent, b *report.Batch) {
	h := b.Heartbeat
	if h.Complete {
		d.forgetOmitted(a, b.States)
	}
	d.setMembers(a, h.Members)
	a.synced = a.digest == h.Digest
	switch {
	case h.Leaving:
		d.end(a, report.Crashed)
	case !a.synced:
		d.stats.Gaps++
		d.pull(a)
	}
}

// forgetOmitted ends the waits that an agent's complete set does not have.
func (d *Detector) forgetOmitted(a *agent, complete []report.State) {
	listed := make(map[report.Key]struct{}, len(complete))
	for i := range complete {
		listed[complete[i].Key] = struct{}{}
	}
	for _, n := range d.blockedNodes(a) {
		if _, ok := listed[n.key]; !ok {
			d.release(n, unknownCause)
		}
	}
}

// pull asks an agent for everything, at most once in each Config.AskAgain.
func (d *Detector) pull(a *agent) {
	if !a.pulled.IsZero() && d.now.Sub(a.pulled) < d.cfg.AskAgain {
		return
	}
	a.pulled = d.now
	d.stats.Questions++
	d.emit(Ask{a.id, report.Question{Everything: true}})
}

func (d *Detector) blockedNodes(a *agent) []*node {
	var blocked []*node
	for n := range a.nodes {
		if n.blocked {
			blocked = append(blocked, n)
		}
	}
	slices.SortFunc(blocked, compareNodes)
	return blocked
}

// expireLeases ends the waits of the agents that fell silent. What they
// consumed becomes unknown: their processes may live on.
func (d *Detector) expireLeases() {
	var silent []*agent
	for _, a := range d.agents {
		silence := d.now.Sub(later(a.heard, a.mentioned))
		switch {
		case a.lost && len(a.nodes) == 0 && silence > graveTime:
			delete(d.agents, a.id)
			if d.newest[a.id.Name] == a {
				delete(d.newest, a.id.Name)
			}
		case a.lost || silence < d.cfg.Lease:
		case a.heard.IsZero():
			a.lost = true
		default:
			silent = append(silent, a)
		}
	}
	slices.SortFunc(silent, func(a, b *agent) int { return strings.Compare(a.id.String(), b.id.String()) })
	for _, a := range silent {
		for _, m := range a.consumers(nil) {
			if q := d.queues[m.Queue]; q != nil {
				d.addUnknown(q, a)
			}
		}
		d.end(a, unknownCause)
	}
}

// end drops all that an incarnation of an agent has reported.
func (d *Detector) end(a *agent, cause report.Cause) {
	a.lost, a.synced = true, false
	d.doubt(a)
	for _, n := range d.blockedNodes(a) {
		d.release(n, cause)
	}
	d.setMembers(a, nil)
	if cause != unknownCause {
		for _, q := range d.doubtful() {
			d.dropUnknown(q, a)
		}
	}
}

// doubt notes that nobody can tell any more what an agent's processes have done
// with the requests in their queues.
func (d *Detector) doubt(a *agent) {
	for name := range a.consumed {
		q := d.queues[name]
		if q == nil {
			continue
		}
		for r := range q.waiters {
			if len(r.holders) > 0 {
				continue
			}
			if r.doubts == nil {
				r.doubts = make(map[*agent]struct{})
			}
			r.doubts[a] = struct{}{}
		}
	}
}

// trust takes the doubts back: the agent was silent, not dead.
func (d *Detector) trust(a *agent) {
	for _, r := range d.resources {
		delete(r.doubts, a)
	}
}

// setMembers makes members the complete list of what an agent's processes
// consume.
func (d *Detector) setMembers(a *agent, members []report.Member) {
	want := make(map[report.Member]struct{}, len(members))
	for _, m := range members {
		want[m] = struct{}{}
		a.consumed[m.Queue] = struct{}{}
		if _, ok := a.members[m]; !ok {
			d.join(d.node(m.Key), m.Queue)
		}
	}
	for _, m := range a.consumers(want) {
		d.leave(d.node(m.Key), m.Queue)
	}
	a.members = want
	if len(members) == 0 {
		return
	}
	for _, q := range d.doubtful() {
		for silent := range q.unknown {
			if silent == a || (silent.id.Name == a.id.Name && silent.id.Incarnation < a.id.Incarnation) {
				d.dropUnknown(q, silent)
			}
		}
	}
}

// consumers returns the members of queues among an agent's processes that are
// not in but, sorted.
func (a *agent) consumers(but map[report.Member]struct{}) []report.Member {
	var members []report.Member
	for m := range a.members {
		if _, ok := but[m]; !ok {
			members = append(members, m)
		}
	}
	slices.SortFunc(members, func(a, b report.Member) int {
		return cmp.Or(strings.Compare(a.Queue, b.Queue), strings.Compare(a.Key.Process, b.Key.Process), cmp.Compare(a.Key.Activation, b.Key.Activation))
	})
	return members
}

// doubtful returns the queues that may have unknown members, sorted.
func (d *Detector) doubtful() []*queue {
	var queues []*queue
	for _, q := range d.queues {
		if len(q.unknown) > 0 {
			queues = append(queues, q)
		}
	}
	slices.SortFunc(queues, func(a, b *queue) int { return strings.Compare(a.name, b.name) })
	return queues
}

func (d *Detector) join(n *node, name string) {
	q := d.queue(name)
	if _, ok := q.members[n]; ok {
		return
	}
	q.members[n] = struct{}{}
	n.queues++
	d.graph.Hold(q.vertex, n.vertex)
}

func (d *Detector) leave(n *node, name string) {
	q := d.queue(name)
	if _, ok := q.members[n]; ok {
		delete(q.members, n)
		n.queues--
		d.graph.Release(q.vertex, n.vertex)
		d.collect(n)
	}
	d.collectQueue(q)
}

func (d *Detector) addUnknown(q *queue, a *agent) {
	q.unknown[a]++
	d.graph.Hold(q.vertex, d.stranger)
}

func (d *Detector) dropUnknown(q *queue, a *agent) {
	if _, ok := q.unknown[a]; !ok {
		return
	}
	delete(q.unknown, a)
	if len(q.unknown) == 0 {
		d.graph.Release(q.vertex, d.stranger)
		d.collectQueue(q)
	}
}

// countMembers forgets the unknown members of a queue once the broker has no
// more consumers than are known.
func (d *Detector) countMembers(q *queue, c QueueCounted) {
	if c.Err != "" || c.Consumers > len(q.members) {
		return
	}
	for a := range q.unknown {
		d.dropUnknown(q, a)
	}
}

// recover notes when every agent that is known of has been heard out for the
// first time since the start.
func (d *Detector) recover() {
	if d.recovered || d.young() {
		return
	}
	for _, a := range d.agents {
		if !a.lost && !a.synced {
			return
		}
	}
	d.recovered = true
}

// young reports whether some agent that lives may not have had the time to make
// itself heard since the start.
func (d *Detector) young() bool { return d.now.Sub(d.start) < d.cfg.Lease/2 }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
