package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
)

// guard is a lock or a semaphore: so many may hold it at a time, first come,
// first served.
type guard struct {
	name    report.Resource
	kind    report.Kind
	size    int
	holders []*process
	waiters []*wait
}

func newLock(i int) *guard {
	return &guard{name: report.Resource(fmt.Sprintf("lock/%d", i)), kind: report.Lock, size: 1}
}

func newSemaphore(i, size int) *guard {
	return &guard{name: report.Resource(fmt.Sprintf("semaphore/%d", i)), kind: report.Permit, size: size}
}

// acquire takes a guard or waits for it. It reports whether p goes on at once.
func (p *process) acquire(g *guard, limit func() time.Duration, crash bool) bool {
	if slices.Contains(p.guards, g) {
		return true
	}
	if len(g.holders) < g.size {
		p.own(g)
		return true
	}
	w, within := &wait{by: p, need: 1, guard: g, onEnd: report.TimedOut, crash: crash}, limit()
	p.began(w, within)
	g.waiters = append(g.waiters, w)
	p.block(w, within)
	return false
}

func (p *process) own(g *guard) {
	g.holders = append(g.holders, p)
	p.guards = append(p.guards, g)
	p.world.note(runlog.Entry{Kind: runlog.Take, Process: p.name, Resource: string(g.name)})
	p.holds(g.name, g.kind)
}

// release gives a guard back, if the process has it: its wait for it may have
// timed out.
func (p *process) release(g *guard) {
	if i := slices.Index(p.guards, g); i >= 0 {
		p.guards = slices.Delete(p.guards, i, i+1)
		p.released(g.name)
		g.free(p)
	}
}

// free hands what p held to the first that waits for it.
func (g *guard) free(p *process) {
	g.holders = slices.DeleteFunc(g.holders, func(o *process) bool { return o == p })
	p.world.note(runlog.Entry{Kind: runlog.Drop, Process: p.name, Resource: string(g.name)})
	p.world.changed = true
	if len(g.waiters) == 0 {
		return
	}
	next := g.waiters[0].by
	g.waiters = g.waiters[1:]
	next.own(g)
	next.unblock(report.Granted)
}

// buffer bounds the messages without a reply that are on their way to those who
// consume a queue, or in their hands. They alone make room.
type buffer struct {
	name    report.Resource
	size    int
	used    int
	drains  []*process
	waiters []*wait
}

// put sends a message into a bounded buffer, or waits for room.
func (p *process) put(r *request, limit func() time.Duration, crash bool) bool {
	q := r.queue
	if q.buffer.used < q.buffer.size {
		q.buffer.used++
		p.world.send(r)
		return true
	}
	w, within := &wait{by: p, need: 1, buffer: q, message: r, onEnd: report.TimedOut, crash: crash}, limit()
	p.began(w, within)
	q.buffer.waiters = append(q.buffer.waiters, w)
	p.block(w, within)
	return false
}

// drained makes room for one message.
func (q *queue) drained() {
	b := q.buffer
	if len(b.waiters) == 0 {
		b.used--
		return
	}
	next := b.waiters[0]
	b.waiters = b.waiters[1:]
	next.by.world.send(next.message)
	next.by.unblock(report.Granted)
}
