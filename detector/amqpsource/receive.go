package amqpsource

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/semaphore"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/wire"
)

// Bounds on the reports that wait in memory. The rest waits in the queue, where
// the oldest are dropped first.
const (
	// prefetch is also how many reports are taken in one round trip with the
	// broker, which on a machine that is short of time may last for 100 ms.
	prefetch = 1024
	// maxBytes is not known to the broker: what is beyond it is dropped here.
	maxBytes = 64 << 20
)

// The queue keeps what a detector could still want to hear.
var queueArgs = amqp.Table{
	"x-max-length":       int32(100_000),
	"x-max-length-bytes": int32(256 << 20),
	"x-overflow":         "drop-head",
	"x-message-ttl":      int32(10_000), // ms
}

var errEnded = errors.New("the broker ended the consuming of reports")

// subscription is the queue of one session.
type subscription struct {
	channel    *amqp.Channel
	queue      string
	deliveries <-chan amqp.Delivery
	backlog    backlog
}

// backlog is the reports that wait to be decoded.
type backlog struct {
	// It has room for all that the broker delivers before an acknowledgement.
	reports chan waiting
	bytes   *semaphore.Weighted // of those, and of the one in hand
}

// waiting is a report that waits, or the place of one that was dropped: it has to
// be acknowledged all the same.
type waiting struct {
	amqp.Delivery
	dropped bool
}

func newBacklog() backlog {
	return backlog{make(chan waiting, prefetch), semaphore.NewWeighted(maxBytes)}
}

// subscribe declares a queue of its own that takes reports, and consumes it.
func (s *Source) subscribe(c *amqp.Connection) (*subscription, error) {
	ch, err := c.Channel()
	if err != nil {
		return nil, fmt.Errorf("open channel: %w", err)
	}
	if err := ch.ExchangeDeclare(wire.Exchange, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return nil, fmt.Errorf("declare exchange: %w", err)
	}
	q, err := ch.QueueDeclare("", false, true, true, false, queueArgs)
	if err != nil {
		return nil, fmt.Errorf("declare queue for reports: %w", err)
	}
	for _, key := range s.bindings() {
		if err := ch.QueueBind(q.Name, key, wire.Exchange, false, nil); err != nil {
			return nil, fmt.Errorf("bind queue for reports: %w", err)
		}
	}
	if err := ch.Qos(prefetch, 0, false); err != nil {
		return nil, fmt.Errorf("set prefetch: %w", err)
	}
	deliveries, err := ch.Consume(q.Name, "", false, true, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consume reports: %w", err)
	}
	return &subscription{ch, q.Name, deliveries, newBacklog()}, nil
}

// bindings returns the routing keys of what is heard.
func (s *Source) bindings() []string {
	if len(s.cfg.Services) == 0 {
		return []string{wire.ReportBinding}
	}
	var keys []string
	for _, service := range s.cfg.Services {
		keys = append(keys, wire.ReportKey(service))
	}
	return keys
}

// take moves deliveries to the backlog until the channel is closed. It does no more
// than that, since the client library would hold without bound what it is too slow
// for.
func (b *backlog) take(deliveries <-chan amqp.Delivery) error {
	defer close(b.reports)
	for d := range deliveries {
		w := waiting{d, !b.bytes.TryAcquire(int64(len(d.Body)))}
		if w.dropped {
			w.Body = nil
		}
		b.reports <- w
	}
	return errEnded
}

// receive hands batches to the sink until ctx or the backlog ends.
func (s *Source) receive(ctx context.Context, in *backlog) error {
	var decoder wire.Decoder
	for w := range in.reports {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if w.dropped {
			s.sink.Drop()
		} else {
			s.decode(&decoder, w.Body)
			in.bytes.Release(int64(len(w.Body)))
		}
		if w.DeliveryTag%(prefetch/2) == 0 {
			if err := w.Ack(true); err != nil {
				return fmt.Errorf("acknowledge reports: %w", err)
			}
		}
	}
	return nil
}

func (s *Source) decode(decoder *wire.Decoder, body []byte) {
	before := decoder.Skipped
	b, err := decoder.Batch(body)
	if n := decoder.Skipped - before; n > 0 {
		s.sink.Skip(n)
	}
	if err != nil {
		s.sink.Reject(err)
		return
	}
	s.sink.Deliver(detector.Reported{Batch: b}, len(body))
}
