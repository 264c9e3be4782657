package simulation

import (
	"math/rand/v2"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Program makes what a process does: it is called anew each time.
type Program func() []Op

// Op is one operation of a program.
type Op struct{ do op }

// Draw draws a duration.
type Draw func(*rand.Rand) time.Duration

// Limit says how a wait may end otherwise than by what it is for.
type Limit struct {
	After   Draw // nil: never
	Crash   bool // the process crashes
	Cancels bool // it is given up, not timed out
}

func (l Limit) draw(w *world) func() time.Duration {
	return func() time.Duration {
		if l.After == nil {
			return 0
		}
		return max(1, l.After(w.rng))
	}
}

// Request is what is sent to a queue.
type Request struct {
	Queue int
	Does  Program // nil: what the queue's consumers do anyway
}

// Work keeps the process busy.
func Work(d Draw) Op {
	return Op{func(p *process) bool {
		p.later(d(p.world.rng), p.step)
		return false
	}}
}

// Call sends requests and waits for as many replies as it needs.
func Call(need int, limit Limit, to ...Request) Op {
	return Op{func(p *process) bool {
		w := &wait{need: need, onEnd: report.TimedOut, crash: limit.Crash}
		if limit.Cancels {
			w.onEnd = report.Cancelled
		}
		for _, r := range to {
			w.requests = append(w.requests, &request{queue: p.world.queues[r.Queue], does: r.Does})
		}
		p.post(w, limit.draw(p.world)())
		return false
	}}
}

// Send sends a message that nobody waits for; if its queue has a buffer, once
// there is space.
func Send(limit Limit, to Request) Op {
	return Op{func(p *process) bool {
		r := &request{queue: p.world.queues[to.Queue], does: to.Does}
		if r.queue.buffer != nil {
			return p.put(r, limit.draw(p.world), limit.Crash)
		}
		p.world.send(r)
		return true
	}}
}

// Acquire takes a guard of the system, once it is free.
func Acquire(guard int, limit Limit) Op {
	return Op{func(p *process) bool {
		return p.acquire(p.world.guards[guard], limit.draw(p.world), limit.Crash)
	}}
}

// Release gives a guard back, if the process has it.
func Release(guard int) Op {
	return Op{func(p *process) bool {
		p.release(p.world.guards[guard])
		return true
	}}
}

// Answer replies to the request that is being handled; the process goes on.
func Answer() Op {
	return Op{func(p *process) bool {
		p.answer()
		return true
	}}
}
