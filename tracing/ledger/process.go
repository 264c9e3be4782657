package ledger

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Process is one activation of a process. Its fields belong to the ledger; a
// nil Process is valid and observes nothing.
type Process struct {
	key       report.Key
	reentrant bool
	stopped   bool
	breach    bool

	epoch uint64 // present or last
	waits []report.Wait
	need  int
	since time.Time // when the epoch began, while pending

	holds  map[report.Resource]*hold
	queued int // requests that wait behind the one being handled
	owned  int // locks and permits

	seq      uint64
	reported uint64     // the blocked epoch that was last reported, until its end is; 0: none
	ended    report.End // how that epoch ended, if it did
	whole    bool       // the next report is complete
	notable  bool       // to be reported even while it is not blocked
	fresh    []*hold    // to be reported as an addition, if the next report is not complete

	links [2]link // invariant: in a list if and only if its slot is linked
}

// Key returns the name by which the process is reported.
func (p *Process) Key() report.Key {
	if p == nil {
		return report.Key{}
	}
	return p.key
}

func (p *Process) blocked() bool { return len(p.waits) > 0 }

// Epoch returns the present wait epoch; blocked is false between two.
func (p *Process) Epoch() (epoch uint64, blocked bool) {
	if p == nil {
		return 0, false
	}
	return p.epoch, p.blocked()
}

// Chain is the call chain of a request. It is decoded only when it is needed.
type Chain interface {
	// Hops returns the hops, outermost first. The last one is the process
	// that waits for the reply to the request.
	Hops() []report.Hop
}

// Request is a request that a process has received and whose sender waits for
// the reply.
type Request struct {
	Reply       report.Resource
	Chain       Chain // nil if there is none
	Redelivered bool  // somebody may have it already
}

type hold struct {
	resource report.Resource
	kind     report.Kind
	chain    Chain
	queued   bool
	closes   bool
	gone     bool
}

// Receive notes that p owes the reply to a request, which waits in its mailbox.
// It reports whether the request closes a circle: p itself, in the wait that it
// is in, is in the request's call chain. A reentrant process is not blocked for
// its own chain.
func (l *Ledger) Receive(now time.Time, p *Process, r Request) (closes bool) {
	if p == nil || p.stopped {
		return false
	}
	h := l.take(p, r.Reply, report.Reply)
	if h == nil {
		return false
	}
	h.chain, h.queued = r.Chain, true
	p.queued++
	l.taken.hold(r.Reply)
	if p.blocked() && !p.reentrant && p.waitsBehind(r.Chain) {
		h.closes = true
		l.stats.Closed++
	}
	switch {
	case p.blocked():
		l.grown(p, h)
	case r.Redelivered:
		p.notable = true
		l.report(p)
	}
	return h.closes
}

// waitsBehind reports whether a call chain leads through the present wait of p.
func (p *Process) waitsBehind(c Chain) bool {
	if c == nil {
		return false
	}
	for _, hop := range c.Hops() {
		if hop.Key == p.key && hop.Epoch == p.epoch && !hop.Partial {
			return true
		}
	}
	return false
}

// take records a hold; nil if p has it already or has too many.
func (l *Ledger) take(p *Process, r report.Resource, kind report.Kind) *hold {
	if _, ok := p.holds[r]; ok {
		return nil
	}
	if len(p.holds) >= l.cfg.MaxHolds {
		l.stats.Overflows++
		return nil
	}
	if p.holds == nil {
		p.holds = make(map[report.Resource]*hold)
	}
	h := &hold{resource: r, kind: kind}
	p.holds[r] = h
	return h
}

// grown reports what a blocked process has come to hold: at once, since a
// request that is queued at a blocked process is contention.
func (l *Ledger) grown(p *Process, h *hold) {
	if p.reported != p.epoch || p.whole {
		l.report(p)
		return
	}
	p.fresh = append(p.fresh, h)
	l.dirty.push(p)
}

// Handle notes that p has begun to work on a request that was queued.
func (l *Ledger) Handle(p *Process, reply report.Resource) {
	if p == nil {
		return
	}
	if h := p.holds[reply]; h != nil && h.queued {
		h.queued = false
		p.queued--
	}
}

// Answered notes that p has answered a request. A process that is blocked cannot:
// if it claims to be, its waits are not to be trusted, and it says so from now
// on.
func (l *Ledger) Answered(now time.Time, p *Process, reply report.Resource) {
	if p == nil {
		return
	}
	h := p.holds[reply]
	if h == nil {
		return
	}
	if p.blocked() && !p.reentrant {
		l.stats.Breaches++
		p.breach, p.notable = true, true
		if len(l.liars) < l.cfg.MaxProcesses {
			l.liars[p.key.Process] = struct{}{}
		}
		l.report(p)
	}
	l.taken.hold(reply)
	l.taken.leave(&l.taken.answered, reply, now.Add(l.cfg.Remember))
	l.drop(p, h)
}

// Hold notes that p holds a lock, a permit or a buffer, so that it can grant
// it.
func (l *Ledger) Hold(p *Process, r report.Resource, kind report.Kind) {
	if p == nil || p.stopped {
		return
	}
	h := l.take(p, r, kind)
	if h == nil {
		return
	}
	if kind == report.Lock || kind == report.Permit {
		p.owned++
	}
	if p.blocked() {
		l.grown(p, h)
	}
}

// Abandon notes that p will not answer a request, and nobody else will: it goes
// back to no queue.
func (l *Ledger) Abandon(p *Process, reply report.Resource) {
	if p != nil {
		if h := p.holds[reply]; h != nil {
			l.abandon(p, h)
		}
	}
}

func (l *Ledger) abandon(p *Process, h *hold) {
	l.taken.hold(h.resource)
	l.taken.leave(&l.taken.abandoned, h.resource, time.Time{})
	l.drop(p, h)
}

// Release notes that p no longer holds what it held: it released a lock, or the
// channel of a request was closed and the broker gives it to somebody else.
func (l *Ledger) Release(p *Process, r report.Resource) {
	if p != nil {
		if h := p.holds[r]; h != nil {
			l.drop(p, h)
		}
	}
}

func (l *Ledger) drop(p *Process, h *hold) {
	delete(p.holds, h.resource)
	h.gone = true
	switch h.kind {
	case report.Reply:
		if h.queued {
			p.queued--
		}
		l.taken.returned(h.resource)
	case report.Lock, report.Permit:
		p.owned--
	}
	if p.blocked() {
		l.changed(p)
	}
}

// Join notes that p consumes a queue, before it does.
func (l *Ledger) Join(p *Process, queue string) {
	if p != nil && !p.stopped && len(l.members) < report.MaxMembers {
		l.members[report.Member{Key: p.key, Queue: queue}] = struct{}{}
		l.moved = true
	}
}

// Leave notes that p has stopped consuming a queue.
func (l *Ledger) Leave(p *Process, queue string) {
	if p != nil {
		delete(l.members, report.Member{Key: p.key, Queue: queue})
		l.moved = true
	}
}
