package amqpexport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
	"github.com/waitgraph/waitgraph/tracing"
)

// Config says where to report. Only URL is required.
type Config struct {
	URL string // amqp:// or amqps://
	// Dial opens the transport; nil means TCP.
	Dial func(network, addr string) (net.Conn, error)
	// Heartbeat is the interval of heartbeats; default 500 ms. Detectors end
	// the waits of an agent that they have not heard for 2 s.
	Heartbeat time.Duration
	Log       *slog.Logger // nil: discarded
}

// maxStates is how many states one message carries at most.
const maxStates = 256

// Run ships the agent's reports until ctx ends, and says so then. It returns
// nil, or an error at once if the URL cannot be used. An agent must have no
// more than one exporter. Without an agent, Run only waits for the end of ctx.
func Run(ctx context.Context, agent *tracing.Agent, cfg Config) error {
	if agent == nil {
		<-ctx.Done()
		return nil
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 500 * time.Millisecond
	}
	e := &exporter{agent: agent, cfg: cfg}
	session := amqpsession.Config{URL: cfg.URL, Name: "waitgraph-agent " + agent.ID().Name, Dial: cfg.Dial, Log: cfg.Log}
	err := amqpsession.Keep(ctx, session, e.session)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("export reports: %w", err)
}

// Start runs Run in the background. The stop that it returns ends it and waits
// until the detector has been told, a second at most.
func Start(ctx context.Context, agent *tracing.Agent, cfg Config) (stop func(), err error) {
	if err := amqpsession.Check(cfg.URL); err != nil {
		return nil, fmt.Errorf("export reports: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { _ = Run(ctx, agent, cfg) }) // fails for its URL alone
	return func() {
		cancel()
		running.Wait()
	}, nil
}

type exporter struct {
	agent *tracing.Agent
	cfg   Config
}

// session is the exporter's life on one pair of connections.
func (e *exporter) session(ctx context.Context, publish, consume *amqp.Connection) error {
	questions, err := e.questions(consume)
	if err != nil {
		return err
	}
	ch, err := publish.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	if err := ch.ExchangeDeclare(wire.Exchange, amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return fmt.Errorf("declare exchange: %w", err)
	}
	out := &outbox{exporter: e, ch: ch}
	if err := out.report(ctx, e.agent.Answer(report.Question{Everything: true})); err != nil {
		return err
	}
	err = e.serve(ctx, out, questions)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		last := e.agent.Heartbeat()
		last.Heartbeat.Leaving = true
		return out.report(context.WithoutCancel(ctx), last)
	}
	return err
}

// questions begins to consume the agent's own queue.
func (e *exporter) questions(consume *amqp.Connection) (<-chan amqp.Delivery, error) {
	ch, err := consume.Channel()
	if err != nil {
		return nil, fmt.Errorf("open channel: %w", err)
	}
	name := wire.QuestionQueue(e.agent.ID())
	if _, err := ch.QueueDeclare(name, false, true, true, false, nil); err != nil {
		return nil, fmt.Errorf("declare queue: %w", err)
	}
	questions, err := ch.Consume(name, "", true, true, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consume questions: %w", err)
	}
	return questions, nil
}

var errNoQuestions = errors.New("the queue for questions is gone")

// serve ships what there is to ship, until ctx or the session ends.
func (e *exporter) serve(ctx context.Context, out *outbox, questions <-chan amqp.Delivery) error {
	beat := time.NewTicker(e.cfg.Heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.agent.Wake():
			err = out.drain(ctx)
		case <-beat.C:
			err = out.report(ctx, e.agent.Heartbeat())
		case q, ok := <-questions:
			if !ok {
				return errNoQuestions
			}
			err = out.answer(ctx, &q)
		}
		if err != nil {
			return err
		}
	}
}

// outbox publishes batches on one channel.
type outbox struct {
	*exporter
	ch *amqp.Channel
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

// answer answers one question. One that makes no sense is dropped.
func (o *outbox) answer(ctx context.Context, d *amqp.Delivery) error {
	q, err := wire.DecodeQuestion(d.Body)
	if err != nil {
		if o.cfg.Log != nil {
			o.cfg.Log.WarnContext(ctx, "drop question", "error", err)
		}
		return nil
	}
	if q.Everything {
		return o.report(ctx, o.agent.Answer(*q))
	}
	return o.publish(ctx, "", d.ReplyTo, o.agent.Answer(*q))
}

func (o *outbox) report(ctx context.Context, b report.Batch) error {
	return o.publish(ctx, wire.Exchange, wire.ReportKey(b.Service), b)
}

func (o *outbox) publish(ctx context.Context, exchange, key string, b report.Batch) error {
	body, err := wire.EncodeBatch(time.Now(), &b)
	if err != nil {
		return fmt.Errorf("encode batch: %w", err)
	}
	msg := amqp.Publishing{ContentType: wire.ContentTypeBatch, DeliveryMode: amqp.Transient, Body: body}
	if err := o.ch.PublishWithContext(ctx, exchange, key, false, false, msg); err != nil {
		return fmt.Errorf("publish batch: %w", err)
	}
	return nil
}
