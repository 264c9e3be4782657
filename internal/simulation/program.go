package simulation

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// op is one operation of a program. It reports whether the process goes on at
// once.
type op func(p *process) bool

// write makes up a program for a process that works on a request with a call
// chain of the given length.
func (p *process) write(depth int) []op {
	w := p.world
	if w.script != nil {
		return p.scripted.write(p.request)
	}
	var ops []op
	for range 1 + w.rng.IntN(3) {
		ops = append(ops, w.work())
		switch n := w.rng.IntN(10); {
		case n < 5 && depth <= w.opt.Depth:
			ops = append(ops, p.plans())
		case n < 7 && len(w.guards) > 0:
			ops = append(ops, p.guarded(depth)...)
		case n < 8 && w.chance(w.opt.Sends):
			ops = append(ops, p.message())
		case n < 9 && w.chance(w.opt.EarlyAnswers):
			ops = append(ops, func(p *process) bool { p.answer(); return true })
		}
	}
	return ops
}

func (w *world) work() op {
	d := w.around(2 * time.Millisecond)
	return func(p *process) bool { p.later(d, p.step); return false }
}

// guarded makes up work under a lock or a permit, perhaps with another inside
// or a call.
func (p *process) guarded(depth int) []op {
	w := p.world
	g := w.guards[w.rng.IntN(len(w.guards))]
	ops := []op{func(p *process) bool { return p.acquire(g, w.timeout, false) }, w.work()}
	switch {
	case depth <= w.opt.Depth && w.chance(40):
		ops = append(ops, p.plan())
	case w.chance(20):
		inner := w.guards[w.rng.IntN(len(w.guards))]
		ops = append(ops, func(p *process) bool { return p.acquire(inner, w.timeout, false) }, w.work())
	}
	return append(ops, func(p *process) bool { p.release(g); return true })
}

// message makes up a message that nobody waits for.
func (p *process) message() op {
	if n := p.world.opt.Streams; n > 0 && p.world.chance(70) {
		q := p.world.queues[p.world.rng.IntN(n)]
		return func(p *process) bool { return p.offer(&request{queue: q}, p.world.timeout()) }
	}
	q := p.partner()
	if q.buffer != nil {
		return func(p *process) bool { return p.put(&request{queue: q}, p.world.timeout, false) }
	}
	return func(p *process) bool { p.world.send(&request{queue: q}); return true }
}

// partner picks a queue to send to: one further down than the process's own,
// so that nothing comes back, or against that order. Streams come first, and take no
// requests.
func (p *process) partner() *queue {
	w := p.world
	all := w.queues[w.opt.Streams:]
	below := all[slices.Index(all, p.serve)+1:]
	if len(below) == 0 || w.chance(w.opt.Upward) {
		return all[w.rng.IntN(len(all))]
	}
	return below[w.rng.IntN(len(below))]
}

// timeout returns how long a wait may last; zero is for ever.
func (w *world) timeout() time.Duration {
	if !w.chance(w.opt.Timeouts) {
		return 0
	}
	return 200*time.Millisecond + w.around(2*time.Second)
}

// plans makes up a call, or several goroutines that make calls.
func (p *process) plans() op {
	if n := p.world.opt.Forks; n > 0 && p.world.chance(n) {
		return p.fork()
	}
	return p.plan()
}

// plan makes up a call, perhaps of several at once.
func (p *process) plan() op {
	w, n := p.world, 1
	if w.chance(w.opt.Parallel) {
		n = 2 + w.rng.IntN(2)
	}
	var to []*queue
	for range n {
		to = append(to, p.partner())
	}
	plan := wait{need: 1 + w.rng.IntN(n), onEnd: report.TimedOut}
	var limit time.Duration
	if w.chance(w.opt.Cancels) {
		plan.onEnd, limit = report.Cancelled, w.around(5*time.Millisecond)
	} else if limit = w.timeout(); limit > 0 {
		plan.crash = w.chance(w.opt.Crashes)
	}
	return func(p *process) bool {
		wait := plan
		p.call(to, &wait, limit)
		return false
	}
}

// call sends one request to each queue and waits for as many replies as w needs.
func (p *process) call(to []*queue, w *wait, limit time.Duration) {
	for _, q := range to {
		w.requests = append(w.requests, &request{queue: q})
	}
	p.post(w, limit)
}

// post sends the requests of a wait and begins it.
func (p *process) post(w *wait, limit time.Duration) {
	p.ask(w, limit)
	p.block(w, limit)
}

// ask tells of a wait and sends its requests.
func (p *process) ask(w *wait, limit time.Duration) {
	w.by = p
	for _, r := range w.requests {
		r.reply, r.from = p.host.mint(), w
		p.world.horizon.sent(r)
	}
	p.began(w, limit)
	for _, r := range slices.Clone(w.requests) {
		r.chain = p.chain(w, r, limit)
		p.world.send(r)
	}
}

// maxHops is how many hops a call chain has: the latest ones.
const maxHops = 256

// chain is the call chain of a request: that of the request that the process
// works on, unless it is answered, and the process itself.
func (p *process) chain(w *wait, r *request, limit time.Duration) []report.Hop {
	if !p.watched {
		return nil
	}
	var chain []report.Hop
	if p.request != nil && !p.answered {
		chain = slices.Clone(p.request.chain[max(0, len(p.request.chain)-maxHops+1):])
	}
	hop := report.Hop{Key: p.id.Key(), Epoch: w.epoch, Reply: r.reply, Partial: w.need < len(w.requests)}
	if limit > 0 {
		hop.Deadline = p.host.clock().Add(limit)
	}
	return append(chain, hop)
}
