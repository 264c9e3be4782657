package amqpsource

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/wire"
)

// prefetch bounds what the client library holds in memory. The rest waits in
// the queue, where the oldest reports are dropped first. It is also how many
// reports are taken in one round trip with the broker, which on a machine that
// is short of time may last for 100 ms.
const prefetch = 1024

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
	return &subscription{ch, q.Name, deliveries}, nil
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

// receive hands batches to the sink until the channel is closed.
func (s *Source) receive(in *subscription) error {
	var decoder wire.Decoder
	for d := range in.deliveries {
		s.decode(&decoder, d.Body)
		if d.DeliveryTag%(prefetch/2) == 0 {
			if err := d.Ack(true); err != nil {
				return fmt.Errorf("acknowledge reports: %w", err)
			}
		}
	}
	return errEnded
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
