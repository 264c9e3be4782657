package tracing

import (
	"context"
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// Process is one activation of a process: something that does one piece of work
// at a time and can block. Its methods are safe for concurrent use; those of a
// nil Process do nothing.
type Process struct {
	agent  *Agent
	p      *ledger.Process
	prefix string // of its hops
}

// ProcessOption says something special about a process.
type ProcessOption interface{ apply(*processOptions) }

type processOptions struct{ reentrant bool }

type processOption func(*processOptions)

func (f processOption) apply(o *processOptions) { f(o) }

// Reentrant declares that a process serves requests of its own call chain while
// it waits: such a request does not wait for it.
func Reentrant() ProcessOption {
	return processOption(func(o *processOptions) { o.reentrant = true })
}

// Process begins an activation of the named process. Names are unique in the
// cluster as far as people can make them so: server_a:42. Stop or Crash ends
// it. It returns nil, which is valid, if the agent is nil or has too many.
func (a *Agent) Process(name string, opts ...ProcessOption) *Process {
	if a == nil {
		return nil
	}
	var o processOptions
	for _, opt := range opts {
		opt.apply(&o)
	}
	var p *ledger.Process
	a.do(func(l *ledger.Ledger, _ time.Time) { p = l.Start(legible(name), o.reentrant) })
	if p == nil {
		return nil
	}
	return &Process{agent: a, p: p, prefix: hopPrefix(p.Key())}
}

// Name returns the process's name, empty for nil.
func (p *Process) Name() string {
	if p == nil {
		return ""
	}
	return p.p.Key().Process
}

// do runs f on the ledger, for a process that is observed.
func (p *Process) do(f func(l *ledger.Ledger, now time.Time)) {
	if p != nil {
		p.agent.do(f)
	}
}

// Stop ends the activation in good order.
func (p *Process) Stop() {
	p.do(func(l *ledger.Ledger, now time.Time) { l.Stop(now, p.p, report.Cancelled) })
}

// Crash ends the activation: what it held is gone, and answers nobody.
func (p *Process) Crash() {
	p.do(func(l *ledger.Ledger, now time.Time) { l.Stop(now, p.p, report.Crashed) })
}

// Hold notes that the process holds a lock, permit or buffer, whose name is
// unique in the cluster. A lock that several may hold and of which all must be
// released before another gets it is one resource for each.
func (p *Process) Hold(kind report.Kind, resource string) {
	p.do(func(l *ledger.Ledger, _ time.Time) { l.Hold(p.p, report.Resource(legible(resource)), kind) })
}

// Release notes that the process no longer holds what it held.
func (p *Process) Release(resource string) {
	p.do(func(l *ledger.Ledger, _ time.Time) { l.Release(p.p, report.Resource(legible(resource))) })
}

// Joined notes that the process is about to consume a queue. A consumer that
// joins only after its first delivery can make a request look as if nobody
// could take it.
func (p *Process) Joined(queue string) {
	p.do(func(l *ledger.Ledger, _ time.Time) { l.Join(p.p, queue) })
}

// Left notes that the process has stopped consuming a queue.
func (p *Process) Left(queue string) {
	p.do(func(l *ledger.Ledger, _ time.Time) { l.Leave(p.p, queue) })
}

// WithProcess returns a context in which the process is the one that waits when
// something called with that context blocks.
func WithProcess(ctx context.Context, p *Process) context.Context {
	return context.WithValue(ctx, workKey, &work{process: p})
}

// ProcessFrom returns the process of a context, nil if it has none.
func ProcessFrom(ctx context.Context) *Process { return workOf(ctx).process }

// Detach returns a context for a goroutine that a handler starts and does not
// await. What that goroutine calls is waited for by nobody else: it runs for no
// process and carries no call chain.
func Detach(ctx context.Context) context.Context {
	return context.WithValue(ctx, workKey, &work{})
}

// legible makes a name fit to be reported: bounded and UTF-8.
func legible(name string) string {
	if name == "" {
		return "unnamed"
	}
	return toValid(name, report.MaxName)
}

func base36(n uint64) string { return strconv.FormatUint(n, 36) }
