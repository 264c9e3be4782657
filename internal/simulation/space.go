package simulation

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// space is room for a message in a queue of the broker. Nobody grants it: when a
// consumer has taken something it is there, for whoever tries next.
type space struct {
	name  report.Resource
	queue *queue
	taken bool // the broker has accepted the message
}

// Bounds on how soon a process tries again: after a tenth of the time it has waited.
const (
	minRetry = 20 * time.Millisecond
	maxRetry = 500 * time.Millisecond
)

// offer sends a message to a queue that may be full, and waits for space if it is.
func (p *process) offer(r *request, limit time.Duration) bool {
	s := &space{name: report.Resource("space//" + r.queue.name), queue: r.queue}
	p.try(r, s, func() {
		if s.taken {
			p.step()
			return
		}
		w := &wait{by: p, need: 1, space: s, onEnd: report.TimedOut}
		p.began(w, limit)
		p.block(w, limit)
		p.retry(r, w, p.world.now)
	})
	return false
}

// retry tries again, and again, while w goes on.
func (p *process) retry(r *request, w *wait, since time.Time) {
	pause := min(max(p.world.now.Sub(since)/10, minRetry), maxRetry)
	p.later(pause, func() {
		if p.blocked != w {
			return
		}
		p.try(r, w.space, func() {
			switch {
			case p.blocked != w:
			case w.space.taken:
				p.unblock(report.Granted)
			default:
				p.refused(w.space)
				p.retry(r, w, since)
			}
		})
	})
}

// try sends a message, and calls heard when the broker's word is back.
func (p *process) try(r *request, s *space, heard func()) {
	w, back := p.world, p.world.around(transit)
	there := w.around(transit)
	w.move(there, func() {
		if len(s.queue.ready) < s.queue.limit {
			s.taken = true
			w.changed = true
			s.queue.ready = append(s.queue.ready, r)
			w.dispatch(s.queue)
		}
	})
	p.later(there+back, heard)
}

// grantable reports whether there is space, or somebody outside left makes it.
func (s *space) grantable(left set, v view) bool {
	consumers := s.queue.consumed(v)
	return s.taken || len(s.queue.ready) < s.queue.limit || len(consumers) == 0 || outside(consumers, left)
}
