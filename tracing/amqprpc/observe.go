package amqprpc

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// block notes that the process of ctx is about to wait for the replies to some
// attempts, which it numbers.
func (c *Conn) block(ctx context.Context, need int, attempts ...*attempt) *tracing.Blocking {
	if c.cfg.Agent == nil {
		return nil
	}
	waits := make([]tracing.Wait, len(attempts))
	for i, a := range attempts {
		a.number = i
		deadline, _ := a.ctx.Deadline()
		waits[i] = tracing.Wait{
			Kind: report.Reply, Resource: a.id, Deadline: deadline,
			Exchange: a.out.exchange, Key: a.out.key, Span: a.span.SpanContext(),
		}
	}
	return c.cfg.Agent.Block(ctx, need, waits...)
}

// inject puts into a request what its receiver needs to know: the trace and
// the call chain.
func (c *Conn) inject(a *attempt, wait *tracing.Blocking) {
	h := headers(a.out.msg.Headers)
	c.telemetry.propagator.Inject(a.ctx, h)
	if wait != nil {
		tracing.Propagator{}.Inject(wait.Context(a.ctx, a.number), h)
	}
}

// causeOf tells the agent why a wait ended. A remote error is a reply, too.
func causeOf(err error) report.Cause {
	remote := new(RemoteError)
	switch {
	case err == nil, errors.As(err, &remote):
		return report.Granted
	case errors.Is(err, ErrTimeout):
		return report.TimedOut
	}
	return report.Cancelled
}

// receive notes that a process owes the reply to a delivery.
func receive(ctx context.Context, p *tracing.Process, d *amqp.Delivery) *tracing.Obligation {
	if p == nil {
		return nil
	}
	ctx = tracing.Propagator{}.Extract(ctx, headers(d.Headers))
	return p.Receive(ctx, tracing.Delivery{
		Conversation: d.CorrelationId, Answerable: d.ReplyTo != "", Redelivered: d.Redelivered,
	})
}
