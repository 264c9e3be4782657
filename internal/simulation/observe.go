package simulation

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// What the processes do is told to the ledger of their host, if that watches
// them. The world itself never asks a ledger what is true.

func (p *process) tell(what func(l *ledger.Ledger, now time.Time)) {
	p.world.changed = true
	if p.watched {
		what(p.host.ledger, p.host.clock())
		p.host.wake()
	}
}

func (p *process) started() {
	p.tell(func(l *ledger.Ledger, _ time.Time) {
		p.id = l.Start(p.name, p.reentrant)
		if p.serve == nil {
			return
		}
		l.Join(p.id, p.serve.name)
		if b := p.serve.buffer; b != nil {
			l.Hold(p.id, b.name, report.Buffer)
		}
	})
}

func (p *process) stopped() {
	p.tell(func(l *ledger.Ledger, now time.Time) { l.Stop(now, p.id, report.Crashed) })
}

func (p *process) joined() {
	p.tell(func(l *ledger.Ledger, _ time.Time) { l.Join(p.id, p.serve.name) })
}

// left tells that p has stopped consuming its queue: another epoch begins.
func (p *process) left() {
	p.tell(func(l *ledger.Ledger, _ time.Time) {
		l.Leave(p.id, p.serve.name)
		if p.blocked != nil {
			p.blocked.epoch, _ = p.id.Epoch()
		}
	})
}

// began tells of a wait before anything is asked for.
func (p *process) began(w *wait, limit time.Duration) {
	p.world.waits(p, w)
	p.tell(func(l *ledger.Ledger, now time.Time) {
		waits := w.report(now)
		for i := range waits {
			if limit > 0 {
				waits[i].Deadline = now.Add(limit)
			}
		}
		w.epoch, _ = l.Block(now, p.id, w.need, waits...)
	})
}

func (w *wait) report(now time.Time) []report.Wait {
	var waits []report.Wait
	for _, r := range w.requests {
		to := report.Destination{Key: r.queue.name}
		waits = append(waits, report.Wait{Resource: r.reply, Kind: report.Reply, Since: now, Destination: to})
	}
	if g := w.guard; g != nil {
		waits = append(waits, report.Wait{Resource: g.name, Kind: g.kind, Since: now, Holders: g.size})
	}
	if w.buffer != nil {
		b := w.buffer.buffer
		waits = append(waits, report.Wait{Resource: b.name, Kind: report.Buffer, Since: now, Holders: len(b.drains)})
	}
	if s := w.space; s != nil {
		to := report.Destination{Key: s.queue.name}
		waits = append(waits, report.Wait{Resource: s.name, Kind: report.Buffer, Since: now, Destination: to})
	}
	return waits
}

// ended tells that a process goes on.
func (p *process) ended(cause report.Cause) {
	p.world.note(runlog.Entry{Kind: runlog.End, Process: p.name})
	p.tell(func(l *ledger.Ledger, now time.Time) { l.Unblock(now, p.id, cause) })
}

// granted tells that one of several replies has come.
func (p *process) granted(r *request) {
	p.tell(func(l *ledger.Ledger, now time.Time) { l.Grant(now, p.id, r.reply) })
}

// withdrew tells that a process has given up some of what it needs, and waits for the
// rest.
func (p *process) withdrew(cause report.Cause, given []*request) {
	p.tell(func(l *ledger.Ledger, now time.Time) {
		var names []report.Resource
		for _, r := range given {
			names = append(names, r.reply)
		}
		l.Withdraw(now, p.id, cause, names...)
		p.blocked.epoch, _ = p.id.Epoch()
	})
}

// refused tells that the queue for whose space a process waits is full still.
func (p *process) refused(s *space) {
	p.tell(func(l *ledger.Ledger, _ time.Time) { l.Refused(p.id, s.name) })
}

type hops []report.Hop

func (c hops) Hops() []report.Hop { return slices.Clone(c) }

// received tells of a request. A reentrant process serves one of its own call
// chain apart from the others: then it is nested, and is not p's any more.
func (p *process) received(r *request) (nested bool) {
	if r.reply == "" {
		return false
	}
	p.tell(func(l *ledger.Ledger, now time.Time) {
		by, _ := l.Receive(now, p.id, ledger.Request{Reply: r.reply, Chain: hops(r.chain), Redelivered: r.again})
		if nested = by != p.id; nested {
			p.nest(by, r)
		}
	})
	return nested
}

func (p *process) handling(r *request) {
	p.tell(func(l *ledger.Ledger, _ time.Time) { l.Handle(p.id, r.reply) })
}

func (p *process) replied(r *request) {
	p.tell(func(l *ledger.Ledger, now time.Time) { l.Answered(now, p.id, r.reply) })
}

func (p *process) holds(name report.Resource, kind report.Kind) {
	p.tell(func(l *ledger.Ledger, _ time.Time) { l.Hold(p.id, name, kind) })
}

func (p *process) released(name report.Resource) {
	p.tell(func(l *ledger.Ledger, _ time.Time) { l.Release(p.id, name) })
}
