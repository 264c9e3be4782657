package tracing

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// How many of several waits a process needs, besides a number.
const (
	All = -1 // every one
	Any = 1  // the first
)

// Wait is one thing that a process is about to wait for.
type Wait struct {
	Kind report.Kind
	// Resource is its name, unique in the cluster. For a reply it is that of
	// Agent.NewReply.
	Resource string
	Deadline time.Time // zero: none
	// Exchange and Key say where a request is published.
	Exchange, Key string
	// Holders is how many processes can grant it altogether, and each of them
	// says that it can (Process.Hold): the size of a semaphore, or those at the
	// other end of a buffer. It stays so while the wait lasts, unless Vouch
	// says otherwise. 0: nobody can tell, so a deadlock that hangs on it is
	// suspected at most. A reply and a lock have one holder and need no word.
	Holders int
	// Span is the client span of the wait, if there is one.
	Span trace.SpanContext
}

// Blocking is one blocking of a process, from Block to End. Its methods are
// safe for concurrent use, and nil is valid. Calls after End, or after all that
// was needed has been granted, do nothing.
type Blocking struct {
	process   *Process
	ephemeral bool  // the process is of this blocking alone
	inherited chain // of the request that the process works on
	epoch     uint64
	alone     bool // nobody can wait for the process meanwhile
	partial   bool
	replies   []string // by wait: the number of the reply, if it is one
	oneReply  [1]string
	oneWait   [1]report.Wait
	waits     []report.Wait // guarded by the agent's lock; without a name once they are over
	over      bool          // guarded by the agent's lock
}

// Block notes that the process of ctx is about to wait for need of waits: All,
// Any or a number. It is to be called before the request is published or the
// lock is asked for. Without a process of this agent in ctx the wait is that of
// a process of its own.
//
// Two goroutines of one process that wait at once are taken to be awaited both:
// the process goes on when all of it is granted. Where that is not so, say it:
// Detach the goroutine, or wait for both in one Block with what is needed.
func (a *Agent) Block(ctx context.Context, need int, waits ...Wait) *Blocking {
	if a == nil || len(waits) == 0 {
		return nil
	}
	if need == All {
		need = len(waits)
	}
	b := &Blocking{partial: need < len(waits)}
	b.describe(a, waits)
	w := workOf(ctx)
	if w.process != nil && w.process.agent == a && b.begin(w.process, need) {
		b.inherited = w.obligation.chain()
		return b
	}
	own := a.ephemeral()
	if b.ephemeral = true; !b.begin(own, need) {
		own.Stop()
		return nil
	}
	return b
}

// describe puts the waits into the words of reports.
func (b *Blocking) describe(a *Agent, waits []Wait) {
	b.waits, b.replies = b.oneWait[:0], b.oneReply[:0]
	for i := range waits {
		w := &waits[i]
		r := report.Wait{
			Resource: report.Resource(w.Resource), Kind: w.Kind, Deadline: w.Deadline,
			Destination: report.Destination{Exchange: w.Exchange, Key: w.Key}, Holders: w.Holders,
		}
		if w.Span.IsValid() {
			r.Trace = report.TraceContext{TraceID: w.Span.TraceID(), SpanID: w.Span.SpanID()}
		}
		number, minted := strings.CutPrefix(w.Resource, a.replies)
		if !minted || w.Kind != report.Reply {
			number = ""
		}
		b.waits, b.replies = append(b.waits, r), append(b.replies, number)
	}
}

func (b *Blocking) begin(p *Process, need int) (ok bool) {
	p.do(func(l *ledger.Ledger, now time.Time) {
		for i := range b.waits {
			b.waits[i].Since = now
		}
		b.epoch, ok = l.Block(now, p.p, need, b.waits...)
		b.alone = !l.Useful(p.p)
	})
	b.process = p
	return ok
}

// Context returns a context from which Propagator injects, into the request of
// the i-th wait, the call chain that waits for it. A chain of one process that
// can grant nothing to anybody could never close: it is left out, and the
// request's correlation ID alone names the reply.
func (b *Blocking) Context(ctx context.Context, i int) context.Context {
	if b == nil || i < 0 || i >= len(b.replies) || b.replies[i] == "" || (b.alone && b.inherited == "") {
		return ctx
	}
	hop := hopText(b.process.hopPrefix, b.epoch, b.replies[i], b.waits[i].Deadline, b.partial)
	return context.WithValue(ctx, outboundKey, b.inherited.append(hop))
}

// Granted notes that the i-th wait was granted. When that is all that was
// needed, the process goes on.
func (b *Blocking) Granted(i int) {
	b.settle(i, func(l *ledger.Ledger, now time.Time, r report.Resource) {
		b.over = l.Grant(now, b.process.p, r)
	})
}

// Failed notes that the i-th wait will not be granted, so that the process goes
// on only with what is left.
func (b *Blocking) Failed(i int) {
	b.settle(i, func(l *ledger.Ledger, now time.Time, r report.Resource) {
		l.Withdraw(now, b.process.p, report.Cancelled, r)
	})
}

// Vouch notes that so many processes can grant the i-th wait from now on. Say it
// before another becomes one of them, and after one has ceased to be.
func (b *Blocking) Vouch(i, holders int) {
	b.amend(i, func(l *ledger.Ledger, r report.Resource) { l.Vouch(b.process.p, r, holders) })
}

// Refused notes that the process itself has tried to get what the i-th wait is
// for, since it began, and was refused. It is for what is granted silently: space
// in a queue of the broker.
func (b *Blocking) Refused(i int) {
	b.amend(i, func(l *ledger.Ledger, r report.Resource) { l.Refused(b.process.p, r) })
}

// amend says more of a wait that is not over.
func (b *Blocking) amend(i int, say func(l *ledger.Ledger, r report.Resource)) {
	if b == nil || i < 0 || i >= len(b.waits) {
		return
	}
	b.process.do(func(l *ledger.Ledger, _ time.Time) {
		if r := b.waits[i].Resource; !b.over && r != "" {
			say(l, r)
		}
	})
}

// settle ends one wait, once.
func (b *Blocking) settle(i int, end func(l *ledger.Ledger, now time.Time, r report.Resource)) {
	if b == nil || i < 0 || i >= len(b.waits) {
		return
	}
	b.process.do(func(l *ledger.Ledger, now time.Time) {
		if r := &b.waits[i].Resource; !b.over && *r != "" {
			end(l, now, *r)
			*r = ""
		}
	})
}

// End notes that the process goes on, for the given cause, with whatever was
// granted. Ending twice is harmless.
func (b *Blocking) End(cause report.Cause) {
	if b == nil {
		return
	}
	b.process.do(func(l *ledger.Ledger, now time.Time) {
		if !b.over {
			l.Withdraw(now, b.process.p, cause, b.open()...)
			b.over = true
		}
		if b.ephemeral {
			l.Stop(now, b.process.p, cause)
		}
	})
}

// open returns the names of the waits that are not over.
func (b *Blocking) open() []report.Resource {
	var one [1]report.Resource
	names := one[:0]
	for i := range b.waits {
		if r := b.waits[i].Resource; r != "" {
			names = append(names, r)
		}
	}
	return names
}
