package amqprpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/tracing"
)

// Call is a request and how long to wait for its reply.
type Call struct {
	Exchange    string // empty: the default exchange, where Key names a queue
	Key         string
	Body        []byte
	ContentType string
	Headers     amqp.Table // more headers; not modified
	// Timeout is how long to wait for the reply; 0 means the Conn's
	// CallTimeout, and less than 0 as long as the context allows.
	Timeout time.Duration
}

func (c *Call) message() Message {
	return Message{Exchange: c.Exchange, Key: c.Key, Body: c.Body, ContentType: c.ContentType, Headers: c.Headers}
}

// Reply is the answer to a Call. It belongs to the caller.
type Reply struct {
	Body        []byte
	ContentType string
	Headers     amqp.Table // may hold values of any type that the protocol knows
}

// Call sends a request and waits for the reply until the call's timeout or the
// end of ctx, whichever is first; it never takes longer, whatever the broker
// does. The process that waits is that of ctx (tracing.WithProcess).
//
// While there is no connection, or the broker is short of memory and blocks
// publishers, the request waits to be sent. It is sent once. Errors: ErrTimeout,
// ErrUnroutable, ErrConnectionLost, ErrClosed, ErrInvalid, *RemoteError, the
// broker's refusal as *amqp.Error, and that of ctx.
func (c *Conn) Call(ctx context.Context, call Call) (Reply, error) {
	a, err := c.prepare(ctx, call)
	if err != nil {
		return Reply{}, err
	}
	defer a.cancel()
	wait := c.block(ctx, tracing.All, a)
	reply, err := c.attempt(a, wait)
	wait.End(causeOf(err))
	return reply, err
}

// attempt is one request on its way to a reply.
type attempt struct {
	ctx         context.Context //nolint:containedctx // an attempt lives within the call that began it
	cancel      context.CancelFunc
	span        trace.Span
	id          string // correlation ID, and the name of the reply
	number      int    // among the waits of one blocking
	destination string // for people
	out         *outgoing
}

// prepare checks a call and begins its span and its deadline.
func (c *Conn) prepare(ctx context.Context, call Call) (*attempt, error) {
	m := call.message()
	destination := destinationName(call.Exchange, call.Key, "")
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("call %s: %w", destination, err)
	}
	a := &attempt{id: c.newReply(), destination: destination, out: m.outgoing()}
	a.ctx, a.cancel = c.limit(ctx, call.Timeout)
	a.ctx, a.span = c.telemetry.startSend(a.ctx, call.Exchange, call.Key, a.id, len(call.Body))
	a.out.call = true
	a.out.msg.CorrelationId = a.id
	return a, nil
}

func (c *Conn) limit(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	switch {
	case timeout < 0:
		return context.WithCancel(ctx)
	case timeout == 0:
		timeout = c.cfg.CallTimeout
	}
	return context.WithTimeout(ctx, timeout)
}

// attempt sends a request, waits for its reply, and ends its span.
func (c *Conn) attempt(a *attempt, wait *tracing.Blocking) (Reply, error) {
	c.inject(a, wait)
	reply, err := c.roundTrip(a)
	if err != nil {
		err = fmt.Errorf("call %s: %w", a.destination, err)
	}
	endSpan(a.span, err)
	return reply, err
}

func (c *Conn) roundTrip(a *attempt) (Reply, error) {
	o, err := c.settled(a.ctx, a.out)
	if err != nil {
		return Reply{}, err
	}
	return o.reply(a.destination)
}

// settled sends a message, in one session after the other until one takes it, and
// waits for what becomes of it.
func (c *Conn) settled(ctx context.Context, m *outgoing) (outcome, error) {
	id := m.msg.CorrelationId
	defer c.calls.remove(id)
	for {
		w := c.calls.add(id)
		if err := c.hand(ctx, m); err != nil {
			return outcome{}, err
		}
		select {
		case o := <-w.settled:
			if !errors.Is(o.err, errUnsent) {
				return o, nil
			}
		case <-ctx.Done():
			return outcome{}, ended(ctx)
		case <-c.closing:
			return outcome{}, ErrClosed
		}
	}
}

// errorType marks, as the type of a message, a reply whose body is the text of
// a handler's error.
const errorType = "waitgraph.amqprpc.error"

func (o *outcome) reply(destination string) (Reply, error) {
	if o.err != nil {
		return Reply{}, o.err
	}
	if o.delivery.Type == errorType {
		return Reply{}, &RemoteError{Destination: destination, Message: string(o.delivery.Body)}
	}
	return Reply{Body: o.delivery.Body, ContentType: o.delivery.ContentType, Headers: o.delivery.Headers}, nil
}
