package tracing

import (
	"context"
	"slices"
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
	// Span is the client span of the wait, if there is one.
	Span trace.SpanContext
}

// Blocking is one blocking of a process, from Block to End. Its methods are
// safe for concurrent use, and nil is valid.
type Blocking struct {
	process   *Process
	ephemeral bool  // the process is of this blocking alone
	inherited chain // of the request that the process works on
	epoch     uint64
	partial   bool
	waits     []report.Wait
}

// Block notes that the process of ctx is about to wait for need of waits: All,
// Any or a number. It is to be called before the request is published or the
// lock is asked for. Without a process in ctx the wait is that of a process of
// its own.
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
	w := workOf(ctx)
	b := &Blocking{process: w.process, partial: need < len(waits), waits: reported(waits)}
	if w.process != nil && b.begin(need) {
		b.inherited = w.obligation.chain()
		return b
	}
	if b.process, b.ephemeral = a.ephemeral(), true; !b.begin(need) {
		b.process.Stop()
		return nil
	}
	return b
}

func reported(waits []Wait) []report.Wait {
	now := time.Now()
	rs := make([]report.Wait, 0, len(waits))
	for _, w := range waits {
		r := report.Wait{
			Resource: report.Resource(w.Resource), Kind: w.Kind, Since: now, Deadline: w.Deadline,
			Destination: report.Destination{Exchange: w.Exchange, Key: w.Key},
		}
		if w.Span.IsValid() {
			r.Trace = report.TraceContext{TraceID: w.Span.TraceID(), SpanID: w.Span.SpanID()}
		}
		rs = append(rs, r)
	}
	return rs
}

func (b *Blocking) begin(need int) (ok bool) {
	b.process.do(func(l *ledger.Ledger, now time.Time) {
		b.epoch, ok = l.Block(now, b.process.p, need, b.waits...)
	})
	return ok
}

// Context returns a context from which Propagator injects, into the request of
// the i-th wait, the call chain that waits for it.
func (b *Blocking) Context(ctx context.Context, i int) context.Context {
	if b == nil || i < 0 || i >= len(b.waits) || b.waits[i].Kind != report.Reply {
		return ctx
	}
	w := &b.waits[i]
	hop := hopText(b.process.prefix, b.epoch, w.Resource, w.Deadline, b.partial)
	return context.WithValue(ctx, outboundKey, b.inherited.append(hop))
}

// Granted notes that the i-th wait was granted. When that is all that was
// needed, the process goes on.
func (b *Blocking) Granted(i int) {
	if b == nil || i < 0 || i >= len(b.waits) {
		return
	}
	b.process.do(func(l *ledger.Ledger, now time.Time) { l.Grant(now, b.process.p, b.waits[i].Resource) })
}

// Failed notes that the i-th wait will not be granted, so that the process goes
// on only with what is left.
func (b *Blocking) Failed(i int) {
	if b == nil || i < 0 || i >= len(b.waits) {
		return
	}
	b.process.do(func(l *ledger.Ledger, now time.Time) {
		l.Withdraw(now, b.process.p, report.Cancelled, b.waits[i].Resource)
	})
}

// End notes that the process goes on, for the given cause, with whatever was
// granted. Ending twice is harmless.
func (b *Blocking) End(cause report.Cause) {
	if b == nil {
		return
	}
	b.process.do(func(l *ledger.Ledger, now time.Time) {
		l.Withdraw(now, b.process.p, cause, b.resources()...)
		if b.ephemeral {
			l.Stop(now, b.process.p, cause)
		}
	})
}

func (b *Blocking) resources() []report.Resource {
	rs := make([]report.Resource, 0, len(b.waits))
	for i := range b.waits {
		rs = append(rs, b.waits[i].Resource)
	}
	return slices.Clip(rs)
}
