package ledger

import (
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

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

// hold is one resource that a process can grant.
type hold struct {
	resource report.Resource
	kind     report.Kind
	chain    Chain
	queued   bool
	closes   bool
	// shared says that others may be taken for the holder, so that it
	// matters that this one has it even while it is active.
	shared bool
	fresh  bool  // invariant: listed in Process.fresh
	gone   bool  // given up while it was fresh
	next   *hold // among the spare ones
}

// maxSpares is how many holds are kept for reuse.
const maxSpares = 1024

func (l *Ledger) newHold() *hold {
	h := l.spare
	if h == nil {
		return new(hold)
	}
	l.spare, l.spares = h.next, l.spares-1
	h.next = nil
	return h
}

func (l *Ledger) recycle(h *hold) {
	if l.spares < maxSpares {
		*h = hold{next: l.spare}
		l.spare, l.spares = h, l.spares+1
	}
}

// Receive notes that a request waits in p's mailbox and that p owes the reply.
// It returns the process that owes it, and whether the request closes a circle:
// p itself, in the wait that it is in, is in the request's call chain.
//
// A reentrant process is not blocked for its own chain. Such a request is owed
// by a process of its own, which begins with it; Stop must end it. Its name is
// that of p with a number.
func (l *Ledger) Receive(_ time.Time, p *Process, r Request) (by *Process, closes bool) {
	if p == nil || p.stopped {
		return p, false
	}
	closes = p.blocked() && p.waitsBehind(r.Chain)
	if closes && p.reentrant {
		closes, r.Redelivered = false, true
		if p = l.nest(p); p == nil {
			return nil, false
		}
	}
	h := l.take(p, r.Reply, report.Reply)
	if h == nil {
		return p, false
	}
	h.chain, h.queued, h.closes, h.shared = r.Chain, true, closes, r.Redelivered
	p.queued++
	if h.shared {
		p.shared++
	}
	if closes {
		l.stats.Closed++
	}
	l.grown(p, h)
	return p, closes
}

// nest starts the process that serves a request of p's own chain. It is
// reported although it is active: otherwise the request would seem to wait for
// p, the known consumer of its queue.
func (l *Ledger) nest(p *Process) *Process {
	p.nested++
	number := "/" + strconv.Itoa(p.nested)
	name := p.key.Process
	return l.Start(name[:min(len(name), report.MaxName-len(number))]+number, true)
}

// waitsBehind reports whether a call chain leads through what p waits for: a
// hop of p's whose reply p still waits for, and from there on none that could
// go on without the next.
func (p *Process) waitsBehind(c Chain) bool {
	if c == nil {
		return false
	}
	hops := c.Hops()
	for i := len(hops) - 1; i >= 0 && !hops[i].Partial; i-- {
		if hops[i].Key == p.key && p.waitsFor(hops[i].Reply) {
			return true
		}
	}
	return false
}

// take records a hold; nil if p has it already, has too many, or a report
// cannot carry it.
func (l *Ledger) take(p *Process, r report.Resource, kind report.Kind) *hold {
	if _, ok := p.holds[r]; ok {
		return nil
	}
	if len(p.holds) >= l.cfg.MaxHolds || !kind.Valid() || !proper(string(r), 2*report.MaxName) {
		l.stats.Unseen++
		return nil
	}
	if p.holds == nil {
		p.holds = make(map[report.Resource]*hold)
	}
	h := l.newHold()
	h.resource, h.kind = r, kind
	p.holds[r] = h
	return h
}

// grown reports what p has come to hold, if that is of interest: when p is
// blocked, at once, since that is contention.
func (l *Ledger) grown(p *Process, h *hold) {
	if !p.blocked() {
		if h.shared {
			p.notable = true
			l.report(p)
		}
		return
	}
	if p.dropped {
		l.renew(p)
	}
	if p.public != p.epoch || p.whole || p.calm {
		p.calm = false
		l.report(p)
		return
	}
	h.fresh, p.stale = true, true
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
// if it claims to be, its waits are not to be trusted, and those of processes
// by its name say so from now on.
func (l *Ledger) Answered(now time.Time, p *Process, reply report.Resource) {
	if p == nil {
		return
	}
	h := p.holds[reply]
	if h == nil {
		return
	}
	if p.blocked() {
		l.stats.Breaches++
		p.breach, p.notable = true, true
		if len(l.liars) < l.cfg.MaxProcesses {
			l.liars[p.key.Process] = struct{}{}
		}
		l.report(p)
	}
	l.taken.answer(reply, now.Add(l.cfg.Remember))
	l.drop(p, h)
}

// Hold notes that p holds a lock, a permit or a buffer, so that it can grant
// it. If p waits for it, that wait is granted: p must not seem to wait for
// itself.
func (l *Ledger) Hold(p *Process, r report.Resource, kind report.Kind) {
	if p == nil || p.stopped {
		return
	}
	l.grant(p, r)
	h := l.take(p, r, kind)
	if h == nil {
		return
	}
	if h.owned() {
		p.owned++
	}
	l.grown(p, h)
}

// Useful reports whether anybody can come to wait for p as it is: it holds
// something or consumes a queue.
func (l *Ledger) Useful(p *Process) bool {
	return p != nil && (len(p.holds) > 0 || len(p.queues) > 0)
}

// owned reports whether others are kept out by the hold, whether or not anyone
// is known to wait.
func (h *hold) owned() bool {
	return h.kind == report.Lock || h.kind == report.Permit || h.kind == report.Buffer
}

// Abandon notes that p will not answer a request, and nobody else will: it goes
// back to no queue.
func (l *Ledger) Abandon(p *Process, reply report.Resource) {
	if p == nil {
		return
	}
	if h := p.holds[reply]; h != nil {
		l.abandon(p, h)
	}
}

func (l *Ledger) abandon(p *Process, h *hold) {
	l.taken.abandon(h.resource)
	l.drop(p, h)
}

// Release notes that p no longer holds what it held: it released a lock, or the
// channel of a request was closed and the broker gives it to somebody else.
func (l *Ledger) Release(p *Process, r report.Resource) {
	if p == nil {
		return
	}
	if h := p.holds[r]; h != nil {
		l.drop(p, h)
	}
}

func (l *Ledger) drop(p *Process, h *hold) {
	delete(p.holds, h.resource)
	if h.queued {
		p.queued--
	}
	if h.owned() {
		p.owned--
	}
	if h.shared {
		p.shared--
	}
	p.dropped = p.blocked()
	switch {
	case h.shared && (p.exposed || p.shown):
		p.notable = true
		l.report(p)
	case p.blocked():
		l.changed(p)
	}
	if h.fresh {
		h.gone = true
	} else {
		l.recycle(h)
	}
}
