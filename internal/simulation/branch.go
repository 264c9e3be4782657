package simulation

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// branch is a goroutine of a process: it makes calls one after the other, whatever
// its sisters do. The process goes on when all are through, so it is blocked while
// any of them is, and needs all that they wait for.
type branch struct {
	p     *process
	calls int        // to make
	open  []*request // whose replies it waits for
}

// fork makes up several branches.
func (p *process) fork() op {
	w := p.world
	calls := make([]int, 2+w.rng.IntN(2))
	for i := range calls {
		calls[i] = 1 + w.rng.IntN(3)
	}
	return func(p *process) bool {
		p.branches = len(calls)
		for _, n := range calls {
			(&branch{p: p, calls: n}).next()
		}
		return false
	}
}

func (b *branch) next() {
	p := b.p
	if b.calls > 0 {
		b.calls--
		p.later(p.world.around(2*time.Millisecond), b.call)
		return
	}
	if p.branches--; p.branches == 0 {
		p.later(p.world.around(20*time.Microsecond), p.step)
	}
}

// call makes a call, perhaps of two at once, besides what its sisters wait for.
func (b *branch) call() {
	p, w := b.p, b.p.world
	call := &wait{need: 1, onEnd: report.TimedOut}
	if w.chance(w.opt.Parallel) {
		call.need = 2
	}
	for range call.need {
		call.requests = append(call.requests, &request{queue: p.partner(), branch: b})
	}
	limit := w.timeout()
	if w.chance(w.opt.Cancels) {
		call.onEnd, limit = report.Cancelled, w.around(5*time.Millisecond)
	}
	b.open = slices.Clone(call.requests)
	p.ask(call, limit)
	p.join(call)
	if limit == 0 {
		limit, call.crash = p.patience(), true
	}
	p.later(limit, func() {
		if slices.ContainsFunc(call.requests, func(r *request) bool { return slices.Contains(b.open, r) }) {
			b.giveUp(call)
		}
	})
}

// join makes a process wait for what w does as well.
func (p *process) join(w *wait) {
	if p.blocked == nil {
		p.blocked = &wait{by: p, onEnd: w.onEnd}
	}
	all := p.blocked
	all.epoch, all.need, all.requests = w.epoch, all.need+w.need, append(all.requests, w.requests...)
	for _, r := range w.requests {
		r.from = all
	}
}

// answered notes that a reply has come.
func (b *branch) answered(r *request) {
	b.open = slices.DeleteFunc(b.open, func(o *request) bool { return o == r })
	if len(b.open) == 0 {
		b.next()
	}
}

func (b *branch) giveUp(call *wait) {
	p := b.p
	if call.crash {
		p.crash()
		return
	}
	given, all := b.open, p.blocked
	b.open = nil
	for _, r := range given {
		r.closed = true
	}
	all.requests = slices.DeleteFunc(all.requests, func(r *request) bool { return slices.Contains(given, r) })
	if all.need = len(all.requests); all.need == 0 {
		p.unblock(call.onEnd)
	} else {
		p.withdrew(call.onEnd, given)
	}
	b.next()
}
