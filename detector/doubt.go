package detector

import (
	"math"

	"github.com/waitgraph/waitgraph/detector/report"
)

// doubt notes that nobody can tell any more what an agent's processes have done
// with the requests in their queues.
func (d *Detector) doubt(a *agent) {
	for name := range a.consumed {
		q := d.queues[name]
		if q == nil {
			continue
		}
		for r := range q.waiters {
			r.doubtUntaken(a)
		}
	}
	for r := range a.owed {
		if d.resources[r.name] == r && !r.heldBeyond(a) {
			r.doubt(a)
		}
	}
}

// doubtUntaken doubts a request unless somebody else is known to have it. Of space in a
// queue there is nothing to doubt.
func (r *resource) doubtUntaken(a *agent) {
	if r.kind != report.Buffer && !r.heldBeyond(a) {
		r.doubt(a)
	}
}

func (r *resource) doubt(a *agent) {
	if _, known := r.doubts[a]; known {
		return
	}
	if r.doubts == nil {
		r.doubts = make(map[*agent]struct{})
	}
	r.doubts[a] = struct{}{}
	a.doubting++
}

func (r *resource) trust(a *agent) {
	if _, doubted := r.doubts[a]; doubted {
		delete(r.doubts, a)
		a.doubting--
	}
}

// heldBeyond reports whether somebody is known to have taken the request whose
// agent is not a. What only a's processes have taken the broker may deliver anew,
// unless they had given it up.
func (r *resource) heldBeyond(a *agent) bool {
	for n := range r.holders.keys() {
		if n.agent != a {
			return true
		}
	}
	return false
}

// strangerGone is more consumers than a queue has.
const strangerGone = math.MaxInt

// outnumber notes that a queue has so many consumers, of whom not all are known. One
// of the others may take what lies in it, or comes to lie, give it up, and be gone at
// the next count.
func (q *queue) outnumber(consumers int) {
	q.outnumbered, q.strangers = true, consumers
	for r := range q.waiters {
		r.outnumbered = max(r.outnumbered, consumers)
	}
}

// missStrangers notes that the queue has no more than so many consumers now.
func (q *queue) missStrangers(consumers int) {
	if !q.outnumbered {
		return
	}
	for r := range q.waiters {
		if r.outnumbered > consumers {
			r.outnumbered = strangerGone
		}
	}
}

// account notes that all consumers of the queue are known. Where there were never more,
// those of whom nobody had told are among them.
func (q *queue) account(consumers int) {
	if !q.outnumbered {
		return
	}
	q.outnumbered = false
	for r := range q.waiters {
		if r.outnumbered <= consumers {
			r.outnumbered = 0
		}
		q.outnumbered = q.outnumbered || r.outnumbered > 0
	}
}

// doubtSilent notes that those who are left of the silent agents' consumers may take
// what lies in a queue.
func (q *queue) doubtSilent() {
	for r := range q.waiters {
		for a := range q.unknown {
			if a.lost {
				r.doubtUntaken(a)
			}
		}
	}
}

// trust takes the doubts back: the agent was silent, not dead.
func (d *Detector) trust(a *agent) {
	for _, r := range d.resources {
		if a.doubting == 0 {
			return
		}
		r.trust(a)
	}
}

// miss keeps the requests whose replies the processes of a silent agent wait for:
// what becomes doubtful meanwhile is so still when the agent is back.
func (d *Detector) miss(a *agent) {
	for _, n := range d.blockedNodes(a) {
		for _, t := range n.shown.waits {
			if t.on.queue != nil {
				t.on.missed++
				a.missed = append(a.missed, t.on)
			}
		}
	}
}

// forgetMissed ends that, when the agent has been heard out again or never will.
func (d *Detector) forgetMissed(a *agent) {
	for _, r := range a.missed {
		r.missed--
		d.collectResource(r)
	}
	a.missed = nil
}
