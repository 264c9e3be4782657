package tracing

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// Delivery is what a server knows of a request when it receives it.
type Delivery struct {
	// Conversation is the correlation ID of the request. The call chain is
	// the request's own only if its last hop waits for this very reply.
	Conversation string
	Answerable   bool // there is somewhere to send a reply
	Redelivered  bool // somebody may have received it before
}

// Obligation is a request that a process owes an answer. Its methods are safe
// for concurrent use, and nil is valid: nobody is known to wait.
type Obligation struct {
	process *Process
	reply   report.Resource
	inbound chain
	settled atomic.Bool
}

// Receive notes that the process has received a request, whose call chain
// Propagator has extracted into ctx, and that the request waits until Handling.
// It returns nil if nobody is known to wait for the answer.
func (p *Process) Receive(ctx context.Context, d Delivery) *Obligation {
	c, _ := ctx.Value(inboundKey).(chain)
	if p == nil || !d.Answerable || c == "" {
		return nil
	}
	last, err := c.last()
	if err == nil && string(last.Reply) != d.Conversation {
		err = errForeign
	}
	if err != nil {
		p.agent.ignore(err)
		return nil
	}
	o := &Obligation{process: p, reply: last.Reply, inbound: c}
	p.do(func(l *ledger.Ledger, now time.Time) {
		l.Receive(now, p.p, ledger.Request{Reply: o.reply, Chain: c, Redelivered: d.Redelivered})
	})
	return o
}

var errForeign = errors.New("its last hop does not wait for this message's reply")

// Handling notes that the process begins to work on the request, and returns
// the context for that work: what is called with it is waited for by the
// process, and by those who wait for the request.
func (p *Process) Handling(ctx context.Context, o *Obligation) context.Context {
	if o != nil {
		p.do(func(l *ledger.Ledger, _ time.Time) { l.Handle(p.p, o.reply) })
	}
	return context.WithValue(ctx, workKey, &work{process: p, obligation: o})
}

// Answered notes that the reply was handed over. Whoever waited goes on: what
// the process calls afterwards, on behalf of the same request, has no caller
// that waits.
func (o *Obligation) Answered() {
	if o == nil || o.settled.Swap(true) {
		return
	}
	o.process.do(func(l *ledger.Ledger, now time.Time) { l.Answered(now, o.process.p, o.reply) })
}

// Abandoned notes that nobody will answer: the request is not delivered again.
func (o *Obligation) Abandoned() {
	if o == nil || o.settled.Swap(true) {
		return
	}
	o.process.do(func(l *ledger.Ledger, _ time.Time) { l.Abandon(o.process.p, o.reply) })
}

// Dropped notes that the process no longer has the request, since its channel
// was closed: the broker may deliver it to somebody else.
func (o *Obligation) Dropped() {
	if o == nil || o.settled.Swap(true) {
		return
	}
	o.process.do(func(l *ledger.Ledger, _ time.Time) { l.Release(o.process.p, o.reply) })
}

// chain returns the call chain that waits for the request, if it still does.
func (o *Obligation) chain() chain {
	if o == nil || o.settled.Load() {
		return ""
	}
	return o.inbound
}
