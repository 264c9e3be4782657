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
	// shipping is closed once the broker has taken the last message of changes;
	// nil if it has. Changes that come meanwhile make one message.
	shipping <-chan struct{}
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
	if err := ch.Confirm(noWait); err != nil {
		return nil, fmt.Errorf("ask for confirmations: %w", err)
	}
	return &outbox{exporter: e, ch: ch}, nil
}

// changed returns what says that there may be changes to ship: the agent, unless
// a message is on its way.
func (o *outbox) changed() <-chan struct{} {
	if o.shipping != nil {
		return o.shipping
	}
	return o.agent.Wake()
}

// ship ships what the agent has to report by now, in one message. It reports
// whether there was anything.
func (o *outbox) ship(ctx context.Context) (shipped bool, err error) {
	o.shipping = nil
	b := o.agent.Collect(maxStates)
	if len(b.States) == 0 && b.Heartbeat == nil {
		return false, nil
	}
	o.shipping, err = o.report(ctx, b)
	return true, err
}

// leave tells what is left to tell, and that the agent goes.
func (o *outbox) leave(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = o.ship(ctx); err != nil {
			return err
		}
	}
	last := o.agent.Heartbeat()
	if last.Heartbeat != nil {
		last.Heartbeat.Leaving = true
	}
	_, err := o.report(ctx, last)
	return err
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
		_, err = o.report(ctx, o.agent.Answer(*q))
	case d.ReplyTo != "":
		_, err = o.publish(ctx, "", d.ReplyTo, o.agent.Answer(*q))
	}
	return err
}

// report publishes a batch to all detectors.
func (o *outbox) report(ctx context.Context, b report.Batch) (taken <-chan struct{}, err error) {
	return o.publish(ctx, wire.Exchange, wire.ReportKey(b.Service), b)
}

// publish sends a batch. What it returns is closed once the broker has taken it;
// nil if nothing was sent. A batch that cannot be encoded would fail again in
// another session: it is dropped, and the digest of the next heartbeat tells.
func (o *outbox) publish(ctx context.Context, exchange, key string, b report.Batch) (taken <-chan struct{}, err error) {
	if len(b.States) == 0 && b.Heartbeat == nil && b.Answer == nil {
		return nil, nil
	}
	body, err := wire.EncodeBatch(time.Now(), &b)
	if err != nil {
		o.warn(ctx, "drop report", err)
		return nil, nil
	}
	msg := amqp.Publishing{ContentType: wire.ContentTypeBatch, DeliveryMode: amqp.Transient, Body: body}
	const mandatory, immediate = false, false
	confirmation, err := o.ch.PublishWithDeferredConfirmWithContext(ctx, exchange, key, mandatory, immediate, msg)
	if err != nil {
		return nil, fmt.Errorf("publish batch: %w", err)
	}
	return confirmation.Done(), nil
}
