package amqprpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Bounds on how soon one that waits for space in a queue tries again: after a tenth
// of the time that it has waited.
const (
	minRetryPut = 20 * time.Millisecond
	maxRetryPut = 500 * time.Millisecond
)

// errFull says that the broker has rejected a message, since its queue is full.
var errFull = errors.New("the queue is full")

// Put sends a message and returns once the broker has taken it. Where its queue is
// bounded and refuses (x-max-length with x-overflow=reject-publish), the process of
// ctx waits for space there, which any consumer of the queue can make, and Put
// tries again until ctx ends, first after 20 ms and later twice a second. Those who
// wait get space in no particular order.
//
// Errors are those of Call. After ErrConnectionLost, and if ctx ends just as the
// broker answers, the message may have been taken.
func (c *Conn) Put(ctx context.Context, m Message) error {
	if err := m.validate(); err != nil {
		return fmt.Errorf("put to %s: %w", destinationName(m.Exchange, m.Key, ""), err)
	}
	ctx, span := c.telemetry.startSend(ctx, m.Exchange, m.Key, "", len(m.Body))
	err := c.put(ctx, &m)
	if err != nil {
		err = fmt.Errorf("put to %s: %w", destinationName(m.Exchange, m.Key, ""), err)
	}
	endSpan(span, err)
	return err
}

func (c *Conn) put(ctx context.Context, m *Message) error {
	err := c.putOnce(ctx, m)
	if !errors.Is(err, errFull) {
		return err
	}
	deadline, _ := ctx.Deadline()
	wait := c.cfg.Agent.Block(ctx, tracing.All, tracing.Wait{
		Kind: report.Buffer, Resource: bufferName(m), Deadline: deadline, Exchange: m.Exchange, Key: m.Key,
	})
	began := time.Now()
	retry := time.NewTimer(minRetryPut)
	defer retry.Stop()
	for errors.Is(err, errFull) {
		select {
		case <-retry.C:
			if err = c.putOnce(ctx, m); errors.Is(err, errFull) {
				wait.Refused(0)
			}
			retry.Reset(min(max(time.Since(began)/10, minRetryPut), maxRetryPut))
		case <-ctx.Done():
			err = ended(ctx)
		case <-c.closing:
			err = ErrClosed
		}
	}
	wait.End(causeOf(err))
	return err
}

// bufferName names the space for which a message waits.
func bufferName(m *Message) string {
	name := "space/" + m.Exchange + "/" + m.Key
	return name[:min(len(name), report.MaxName)]
}

// putOnce sends the message and waits until the broker has taken or rejected it.
func (c *Conn) putOnce(ctx context.Context, m *Message) error {
	out := m.outgoing()
	c.telemetry.propagator.Inject(ctx, headers(out.msg.Headers))
	out.call, out.confirmed = true, true
	out.msg.CorrelationId = c.nextID()
	o, err := c.settled(ctx, out)
	if err != nil {
		return err
	}
	return o.err
}

// unconfirmed are the messages of a lane that the broker has yet to confirm. Their
// tags count up from 1 in the order in which they were sent.
type unconfirmed struct {
	mu   sync.Mutex
	last uint64 // tag
	ids  map[uint64]string
}

func (u *unconfirmed) add(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids = make(map[uint64]string)
	}
	u.last++
	u.ids[u.last] = id
}

func (u *unconfirmed) take(tag uint64) (id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	id = u.ids[tag]
	delete(u.ids, tag)
	return id
}

// confirmed ends the Put to which a confirmation belongs. The broker confirms a
// message that it returns, too, afterwards.
func (c *Conn) confirmed(l *lane, k amqp.Confirmation) {
	for returned := true; returned; {
		select {
		case r, ok := <-l.returns:
			if returned = ok; ok {
				c.returned(&r)
			}
		default:
			returned = false
		}
	}
	o := outcome{}
	if !k.Ack {
		o.err = errFull
	}
	c.calls.settle(l.unconfirmed.take(k.DeliveryTag), o)
}
