package detector

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// setMembers makes members the complete list of what an agent's processes
// consume.
func (d *Detector) setMembers(a *agent, members []report.Member) {
	want := make(map[report.Member]struct{}, len(members))
	for _, m := range members {
		want[m] = struct{}{}
		a.consumed[m.Queue] = d.now
		if _, ok := a.members[m]; !ok {
			d.join(d.node(m.Key), m.Queue)
		}
	}
	for _, m := range a.consumers(want) {
		d.leave(d.node(m.Key), m.Queue)
	}
	a.members = want
	d.forgetConsumed(a)
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

// forgetConsumed forgets the queues that an agent consumed long ago and that nobody
// uses any more: what lay in them is gone.
func (d *Detector) forgetConsumed(a *agent) {
	const few = 64 // are not worth the looking
	if len(a.consumed) <= few+2*len(a.members) {
		return
	}
	maps.DeleteFunc(a.consumed, func(name string, at time.Time) bool {
		return d.queues[name] == nil && d.now.Sub(at) > graveTime
	})
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
	for q := range d.unsure {
		queues = append(queues, q)
	}
	slices.SortFunc(queues, func(a, b *queue) int { return strings.Compare(a.name, b.name) })
	return queues
}

func (d *Detector) join(n *node, name string) {
	q := d.queue(name)
	if q.members.has(n) {
		return
	}
	q.members.put(n)
	q.known = max(q.known, q.members.len())
	n.consumes = append(n.consumes, q)
	if len(n.shown.waits) > 0 {
		q.blocked++
	}
	d.strain(q)
	d.graph.Hold(q.vertex, n.vertex)
}

func (d *Detector) leave(n *node, name string) {
	q := d.queue(name)
	if q.members.has(n) {
		q.members.remove(n)
		n.consumes = slices.DeleteFunc(n.consumes, func(c *queue) bool { return c == q })
		if len(n.shown.waits) > 0 {
			q.blocked--
		}
		d.strain(q)
		d.graph.Release(q.vertex, n.vertex)
		d.collect(n)
	}
	d.collectQueue(q)
}

func (d *Detector) addUnknown(q *queue, a *agent) {
	q.unknown[a]++
	d.unsure[q] = struct{}{}
	d.strain(q)
	d.graph.Hold(q.vertex, d.stranger)
}

func (d *Detector) dropUnknown(q *queue, a *agent) {
	if _, ok := q.unknown[a]; !ok {
		return
	}
	delete(q.unknown, a)
	d.strain(q)
	if len(q.unknown) == 0 {
		delete(d.unsure, q)
		d.graph.Release(q.vertex, d.stranger)
		d.collectQueue(q)
	}
}

// countMembers holds the broker's count of a queue's consumers against those that are
// known. Once it has no more, nobody unknown is left.
func (d *Detector) countMembers(q *queue, c QueueCounted) {
	q.counting = max(0, q.counting-1)
	if c.Err != "" {
		return
	}
	q.missStrangers(c.Consumers)
	q.strangers = 0
	switch strangers := c.Consumers - max(q.known, q.members.len()); {
	case strangers > q.silent():
		q.outnumber(c.Consumers)
	case strangers > 0:
		q.doubtSilent()
	}
	if c.Consumers > q.members.len() {
		return
	}
	for a := range q.unknown {
		d.dropUnknown(q, a)
	}
}

// silent returns how many consumers of the queue were of agents that fell silent.
func (q *queue) silent() (n int) {
	for _, members := range q.unknown {
		n += members
	}
	return n
}

// countQueue has the broker count a queue for a round, or for none.
func (d *Detector) countQueue(round uint64, name string) {
	if q := d.queues[name]; q != nil {
		if q.counting == 0 || d.now.Sub(q.countAt) >= roundTime {
			q.known, q.counting = q.members.len(), 0
		}
		q.counting, q.countAt = q.counting+1, d.now
	}
	d.emit(CountQueue{Round: round, Queue: name})
}
