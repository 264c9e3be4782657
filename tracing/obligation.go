package tracing

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// Delivery is what a server knows of a request when it receives it.
type Delivery struct {
	// Conversation is the correlation ID of the request: the name that
	// Agent.NewReply gave to the reply, if the caller has an agent. The call
	// chain is the request's own only if its last hop waits for just that.
	Conversation string
	Answerable   bool // there is somewhere to send a reply
	Redelivered  bool // somebody may have received it before
}

// Obligation is a request that a process owes an answer. Its methods are safe
// for concurrent use, and nil is valid: nobody is known to wait.
type Obligation struct {
	process *Process
	nested  bool // the process is of this obligation alone
	reply   report.Resource
	text    chain
	handled atomic.Bool // somebody works on it
	settled atomic.Bool
	unsound bool // an outer hop is malformed; guarded by the agent's lock
}

// inbound is the chain of an obligation as the ledger sees it.
type inbound Obligation

var _ ledger.Chain = (*inbound)(nil)

// Hops implements ledger.Chain. It is called with the agent's lock held.
func (i *inbound) Hops() []report.Hop {
	if i.text == "" {
		return nil
	}
	hops, whole := i.text.hops()
	if !whole && !i.unsound {
		i.unsound = true
		i.process.agent.ignored.Add(1)
	}
	return hops
}

// Receive notes that the process has received a request, whose call chain
// Propagator has extracted into ctx, and that the request waits until Handling.
// It returns nil if nobody is known to wait for the answer.
func (p *Process) Receive(ctx context.Context, d Delivery) *Obligation {
	c, _ := ctx.Value(inboundKey).(chain)
	if p == nil || !d.Answerable || (c == "" && !minted(d.Conversation)) {
		return nil
	}
	if c != "" {
		if err := c.belongs(d.Conversation); err != nil {
			p.agent.ignore(err)
			return nil
		}
	}
	o := &Obligation{process: p, reply: report.Resource(d.Conversation), text: c}
	p.do(func(l *ledger.Ledger, now time.Time) {
		by, _ := l.Receive(now, p.p, ledger.Request{Reply: o.reply, Chain: (*inbound)(o), Redelivered: d.Redelivered})
		if o.nested = by != p.p; o.nested {
			o.process = p.agent.process(by)
		}
	})
	return o
}

// Process returns the process that owes the reply: the one that has received the
// request or, if that is reentrant and has it from its own call chain, one that
// is there for this request alone.
func (o *Obligation) Process() *Process {
	if o == nil {
		return nil
	}
	return o.process
}

// Handling notes that the process begins to work on the request, and returns
// the context for that work: what is called with it is waited for by the
// process, and by those who wait for the request.
func (p *Process) Handling(ctx context.Context, o *Obligation) context.Context {
	if o != nil {
		p = o.process
		o.handled.Store(true)
		p.do(func(l *ledger.Ledger, _ time.Time) { l.Handle(p.p, o.reply) })
	}
	return context.WithValue(ctx, workKey, &work{process: p, obligation: o})
}

// Answered notes that the reply was handed over. Whoever waited goes on: what
// the process calls afterwards, on behalf of the same request, has no caller
// that waits.
func (o *Obligation) Answered() {
	o.settle(func(l *ledger.Ledger, now time.Time) { l.Answered(now, o.process.p, o.reply) })
}

// Abandoned notes that nobody will answer: the request is not delivered again.
func (o *Obligation) Abandoned() {
	o.settle(func(l *ledger.Ledger, _ time.Time) { l.Abandon(o.process.p, o.reply) })
}

// Dropped notes that the process no longer has the request, since its channel
// was closed: the broker may deliver it to somebody else.
func (o *Obligation) Dropped() {
	o.settle(func(l *ledger.Ledger, _ time.Time) { l.Release(o.process.p, o.reply) })
}

// settle ends the obligation, and the process that was there for it alone if that
// has not begun.
func (o *Obligation) settle(end func(l *ledger.Ledger, now time.Time)) {
	if o == nil || o.settled.Swap(true) {
		return
	}
	o.process.do(func(l *ledger.Ledger, now time.Time) {
		end(l, now)
		if o.nested && !o.handled.Load() {
			l.Stop(now, o.process.p, report.Cancelled)
		}
	})
}

// chain returns the call chain that waits for the request, if it still does.
func (o *Obligation) chain() chain {
	if o == nil || o.settled.Load() {
		return ""
	}
	return o.text
}
