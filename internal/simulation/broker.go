package simulation

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
)

// request is one message to a queue.
type request struct {
	reply  report.Resource // "" if nobody waits
	chain  []report.Hop
	from   *wait
	branch *branch // of its sender that waits for it; nil if all of that does
	queue  *queue
	taker  *process // nil while in the queue
	seen   witness  // the last that took it
	again  bool     // delivered before
	over   bool     // answered or lost: nobody can answer it any more
	closed bool     // its waiter has gone on
	does   Program  // what it is about, if not what its taker does anyway
}

// witness is who could tell that a request was taken: an agent, or nobody if
// no agent watches the process that took it.
type witness struct {
	agent     report.Agent
	unwatched bool
}

// queue is a queue on the broker. A mailbox has one consumer, which drains it
// at once; the workers of a pool take one request each when they are free.
type queue struct {
	name      string
	mailbox   bool
	reentrant bool
	prefetch  int     // of a pool's worker; 0 is 1
	limit     int     // of messages that lie in it; more are rejected; 0: none
	left      bool    // by its consumers at times
	buffer    *buffer // for messages that nobody waits for; nil if it is not bounded
	consumers []*process
	ready     []*request
}

const (
	transit   = 150 * time.Microsecond // mean, of a message to or from the broker
	replyTime = 300 * time.Microsecond // mean, of a reply
)

// send brings a message to the broker.
func (w *world) send(r *request) {
	w.move(w.around(transit), func() {
		w.sent(r, runlog.Send)
		r.queue.ready = append(r.queue.ready, r)
		w.dispatch(r.queue)
	})
}

// dispatch delivers what a queue has to those of its consumers that may have
// more.
func (w *world) dispatch(q *queue) {
	for len(q.ready) > 0 {
		i := slices.IndexFunc(q.consumers, func(p *process) bool { return q.mailbox || p.free() })
		if i < 0 {
			return
		}
		p, r := q.consumers[i], q.ready[0]
		q.ready = q.ready[1:]
		w.changed = w.changed || q.limit > 0
		// The broker goes round.
		q.consumers = append(append(slices.Clone(q.consumers[:i]), q.consumers[i+1:]...), p)
		r.taker = p
		p.promised++
		if !p.reentrant {
			w.sent(r, runlog.Take)
		}
		w.deliver(r, p)
	}
}

func (w *world) deliver(r *request, p *process) {
	life := p.life
	w.move(w.around(transit), func() {
		if p.life != life || !p.host.alive {
			w.redeliver(r)
			return
		}
		p.promised--
		p.take(r)
	})
}

// redeliver puts a request back whose consumer is gone before it was done.
func (w *world) redeliver(r *request) {
	w.changed = true
	r.taker = nil
	if r.queue.mailbox {
		r.lose()
		return
	}
	r.again = true
	w.sent(r, runlog.Send)
	r.queue.ready = append([]*request{r}, r.queue.ready...)
	w.dispatch(r.queue)
}

// lose takes a request away from a server that died.
func (r *request) lose() {
	r.over = true
	if r.from != nil {
		r.from.by.world.sent(r, runlog.Settle)
	}
	if r.reply == "" && r.queue.buffer != nil {
		r.queue.drained()
	}
}

// arrive brings the reply to its caller, if that still waits.
func (r *request) arrive() {
	w := r.from
	if r.closed || w.by.blocked != w {
		return
	}
	r.closed = true
	w.requests = slices.DeleteFunc(w.requests, func(o *request) bool { return o == r })
	if w.need--; w.need > 0 {
		w.by.granted(r)
	} else {
		w.by.unblock(report.Granted)
	}
	if r.branch != nil {
		r.branch.answered(r)
	}
}
