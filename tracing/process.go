package tracing

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// Process is one activation of a process: something that does one piece of work
// at a time and can block. Its methods are safe for concurrent use; those of a
// nil Process do nothing.
type Process struct {
	agent     *Agent
	p         *ledger.Process
	hopPrefix string
}

// ProcessOption says something special about a process.
type ProcessOption interface{ apply(*processOptions) }

type processOptions struct{ reentrant bool }

type processOption func(*processOptions)

func (f processOption) apply(o *processOptions) { f(o) }

// Reentrant declares that a process serves requests of its own call chain while
// it waits: a request that comes back to it does not wait for it, so it closes
// no circle. Such a request is worked on by a process of its own, named after
// this one with a number, which begins with the request: Obligation.Process.
// Whoever works on the request ends it, with Stop or Crash. Requests of other
// chains still queue.
//
// Declare it only of a process that does so: otherwise a deadlock of it with
// itself goes unseen.
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
	name = legible(name)
	var p *ledger.Process
	a.do(func(l *ledger.Ledger, _ time.Time) { p = l.Start(name, o.reentrant) })
	return a.process(p)
}

// process wraps a process of the ledger.
func (a *Agent) process(p *ledger.Process) *Process {
	if p == nil {
		return nil
	}
	return &Process{agent: a, p: p, hopPrefix: hopPrefix(a.hopPrefix, p.Key())}
}

// ephemeral returns a process for a caller that has none.
func (a *Agent) ephemeral() *Process {
	return a.Process(a.service + ".caller/" + base36(a.lastCaller.Add(1)))
}

// Name returns the process's name, empty for nil.
func (p *Process) Name() string {
	if p == nil {
		return ""
	}
	return p.p.Key().Process
}

// Agent returns the agent that observes the process, nil for nil.
func (p *Process) Agent() *Agent {
	if p == nil {
		return nil
	}
	return p.agent
}

// do runs f on the ledger, for a process that is observed.
func (p *Process) do(f func(l *ledger.Ledger, now time.Time)) {
	if p != nil {
		p.agent.do(f)
	}
}

// Stop ends the activation in good order. It answers nobody any more.
func (p *Process) Stop() {
	p.do(func(l *ledger.Ledger, now time.Time) { l.Stop(now, p.p, report.Cancelled) })
}

// Crash ends the activation: what it held is gone, and it answers nobody.
func (p *Process) Crash() {
	p.do(func(l *ledger.Ledger, now time.Time) { l.Stop(now, p.p, report.Crashed) })
}

// Hold notes that the process holds a lock, permit or buffer, whose name is
// unique in the cluster. A wait of the process for it is granted by that. A lock
// that several may hold and of which all must be released before another gets
// it is one resource for each.
func (p *Process) Hold(kind report.Kind, resource string) {
	p.do(func(l *ledger.Ledger, _ time.Time) { l.Hold(p.p, report.Resource(resource), kind) })
}

// Release notes that the process no longer holds what it held.
func (p *Process) Release(resource string) {
	p.do(func(l *ledger.Ledger, _ time.Time) { l.Release(p.p, report.Resource(resource)) })
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

// legible makes the name of a process fit to be reported: it is for people, and
// the activation tells processes apart.
func legible(name string) string {
	if name == "" {
		return "unnamed"
	}
	name = strings.ToValidUTF8(name, "?")
	if len(name) <= report.MaxName {
		return name
	}
	end := report.MaxName
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}
