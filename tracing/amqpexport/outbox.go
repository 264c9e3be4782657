package amqpexport

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
)

// maxStates is how many states one message carries at most.
const maxStates = 256

// outbox publishes batches on one channel, so that they arrive in the order in
// which the agent made them.
type outbox struct {
	*exporter
	ch *amqp.Channel
}

func (e *exporter) outbox(publish *amqp.Connection) (*outbox, error) {
	ch, err := publish.Channel()
	if err != nil {
		return nil, fmt.Errorf("open channel: %w", err)
	}
	const durable, autoDelete, internal, noWait = true, false, false, false
	if err := ch.ExchangeDeclare(wire.Exchange, amqp.ExchangeTopic, durable, autoDelete, internal, noWait, nil); err != nil {
		return nil, fmt.Errorf("declare exchange: %w", err)
	}
	return &outbox{exporter: e, ch: ch}, nil
}

// drain ships what the agent has to report by now.
func (o *outbox) drain(ctx context.Context) error {
	for {
		b := o.agent.Collect(maxStates)
		if len(b.States) == 0 && b.Heartbeat == nil {
			return nil
		}
		if err := o.report(ctx, b); err != nil {
			return err
		}
	}
}

// leave tells what is left to tell, and that the agent goes.
func (o *outbox) leave(ctx context.Context) error {
	if err := o.drain(ctx); err != nil {
		return err
	}
	last := o.agent.Heartbeat()
	if last.Heartbeat != nil {
		last.Heartbeat.Leaving = true
	}
	return o.report(ctx, last)
}

// answer answers one question. One that makes no sense is dropped.
func (o *outbox) answer(ctx context.Context, d *amqp.Delivery) error {
	if err := d.Ack(false); err != nil {
		return fmt.Errorf("acknowledge question: %w", err)
	}
	q, err := wire.DecodeQuestion(d.Body)
	switch {
	case err != nil:
		o.warn(ctx, "drop question", err)
		return nil
	case q.Everything:
		return o.report(ctx, o.agent.Answer(*q))
	case d.ReplyTo == "":
		return nil
	}
	return o.publish(ctx, "", d.ReplyTo, o.agent.Answer(*q))
}

// report publishes a batch to all detectors.
func (o *outbox) report(ctx context.Context, b report.Batch) error {
	return o.publish(ctx, wire.Exchange, wire.ReportKey(b.Service), b)
}

// publish sends a batch. One that cannot be encoded would fail again in another
// session: it is dropped, and the digest of the next heartbeat tells.
func (o *outbox) publish(ctx context.Context, exchange, key string, b report.Batch) error {
	if len(b.States) == 0 && b.Heartbeat == nil && b.Answer == nil {
		return nil
	}
	body, err := wire.EncodeBatch(time.Now(), &b)
	if err != nil {
		o.warn(ctx, "drop report", err)
		return nil
	}
	msg := amqp.Publishing{ContentType: wire.ContentTypeBatch, DeliveryMode: amqp.Transient, Body: body}
	const mandatory, immediate = false, false
	if err := o.ch.PublishWithContext(ctx, exchange, key, mandatory, immediate, msg); err != nil {
		return fmt.Errorf("publish batch: %w", err)
	}
	return nil
}
