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
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &exporter{agent: agent, cfg: cfg, leaving: ctx.Done()}
	session := amqpsession.Config{URL: cfg.URL, Name: "waitgraph-agent " + agent.ID().Name, Dial: cfg.Dial, Log: cfg.Log}
	err := amqpsession.Keep(ctx, session, e.session)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("export reports: %w", err)
}

// Start runs Run in the background. The stop that it returns ends it and waits
// until the detector has been told, about a second at most.
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
	agent   *tracing.Agent
	cfg     Config
	leaving <-chan struct{} // closed when the agent is to take its leave
	warned  time.Time
}

// session is the exporter's life on one pair of connections.
func (e *exporter) session(ctx context.Context, publish, consume *amqp.Connection) error {
	questions, err := e.questions(consume)
	if err != nil {
		return err
	}
	out, err := e.outbox(publish)
	if err != nil {
		return err
	}
	// Nobody knows what became of what was sent before.
	if _, err := out.report(ctx, e.agent.Answer(report.Question{Everything: true})); err != nil {
		return err
	}
	err = e.serve(ctx, out, questions)
	select {
	case <-e.leaving:
		return out.leave(context.WithoutCancel(ctx))
	default:
		return err
	}
}

// maxQuestions is how many questions are taken ahead of their answers.
const maxQuestions = 32

// questions begins to consume the agent's own queue.
func (e *exporter) questions(consume *amqp.Connection) (<-chan amqp.Delivery, error) {
	ch, err := consume.Channel()
	if err != nil {
		return nil, fmt.Errorf("open channel: %w", err)
	}
	name := wire.QuestionQueue(e.agent.ID())
	const durable, autoDelete, exclusive, noWait = false, true, true, false
	if _, err := ch.QueueDeclare(name, durable, autoDelete, exclusive, noWait, nil); err != nil {
		return nil, fmt.Errorf("declare queue: %w", err)
	}
	if err := ch.Qos(maxQuestions, 0, false); err != nil {
		return nil, fmt.Errorf("set prefetch: %w", err)
	}
	const autoAck, noLocal = false, false
	questions, err := ch.Consume(name, "", autoAck, exclusive, noLocal, noWait, nil)
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
		case <-out.changed():
			_, err = out.ship(ctx)
		case <-beat.C:
			_, err = out.report(ctx, e.agent.Heartbeat())
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

// warnEvery keeps what goes wrong again and again from filling the log.
const warnEvery = 10 * time.Second

func (e *exporter) warn(ctx context.Context, what string, err error) {
	if now := time.Now(); now.Sub(e.warned) >= warnEvery {
		e.warned = now
		e.cfg.Log.WarnContext(ctx, what, "agent", e.agent.ID().String(), "error", err)
	}
}
