package amqprpc

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing"
)

// Request is what a Handler answers. It belongs to the handler.
type Request struct {
	Exchange    string
	Key         string
	Body        []byte
	ContentType string
	Headers     amqp.Table // may hold values of any type that the protocol knows
	// Redelivered says that the broker may have delivered the request
	// before, to somebody who did not finish it.
	Redelivered bool

	delivery amqp.Delivery
	conn     *Conn
	process  *tracing.Process // that works on it
	answered atomic.Bool
	owed     *tracing.Obligation
}

func newRequest(c *Conn, d amqp.Delivery) *Request {
	return &Request{
		Exchange: d.Exchange, Key: d.RoutingKey, Body: d.Body, ContentType: d.ContentType, Headers: d.Headers,
		Redelivered: d.Redelivered, delivery: d, conn: c,
	}
}

// owe gives the request to a process, which owes the reply.
func (r *Request) owe(ctx context.Context, p *tracing.Process) {
	r.process, r.owed = p, receive(ctx, p, &r.delivery)
}

// Reply answers the request before the Handler returns. Its caller goes on, so
// what the Handler calls afterwards has no caller who waits, and what the
// Handler returns is dropped. The reply has the content type of the request.
// Further replies fail with ErrAnswered. Without a reply queue in the request,
// nobody is answered.
func (r *Request) Reply(ctx context.Context, body []byte) error {
	return r.answer(ctx, amqp.Publishing{ContentType: r.ContentType, Body: body})
}

func (r *Request) answer(ctx context.Context, msg amqp.Publishing) error {
	if r.answered.Swap(true) {
		return ErrAnswered
	}
	if r.delivery.ReplyTo == "" {
		return nil
	}
	msg.CorrelationId = r.delivery.CorrelationId
	err := r.conn.deliver(ctx, &outgoing{key: r.delivery.ReplyTo, msg: msg})
	switch {
	case err == nil:
		r.owed.Answered()
	case !errors.Is(err, errUnsent):
		r.owed.Abandoned() // or answered: nobody knows
	}
	return err
}

// farewell is how long a server that ends may take to hand over the reply that
// it has just made.
const farewell = time.Second

// finish answers with what the Handler returned. An error of the Handler goes
// to the caller as text.
func (r *Request) finish(ctx context.Context, body []byte, failed error) error {
	if ctx.Err() != nil {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer done()
	}
	msg := amqp.Publishing{ContentType: r.ContentType, Body: body}
	if failed != nil {
		msg = amqp.Publishing{ContentType: "text/plain", Body: []byte(failed.Error()), Type: errorType}
	}
	return r.answer(ctx, msg)
}

// giveBack leaves the request unacknowledged, for the broker to deliver to
// somebody else.
func (r *Request) giveBack() {
	r.answered.Store(true)
	r.owed.Dropped()
}

// id tells the request from others: for people, since its sender chose it.
func (r *Request) id() string {
	if r.delivery.CorrelationId != "" {
		return r.delivery.CorrelationId
	}
	return r.conn.nextID()
}
