package compute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
)

// LoadConfig describes callers that ask both services for whatever comes to
// their mind.
type LoadConfig struct {
	URL     string                                       // of the broker
	Dial    func(network, addr string) (net.Conn, error) // nil: TCP
	Callers int                                          // who ask, at least 1
	Pause   time.Duration                                // of each of them between two questions, on average
	// Cyclic is how often one of them asks for the ID that deadlocks; 0: never.
	Cyclic  time.Duration
	Timeout time.Duration // of calls; 0: DefaultTimeout
	// Patience is how long the broker may be unreachable at the start;
	// 0: as long as it takes.
	Patience time.Duration
	// TracerProvider makes the spans; nil: OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	Hooks          Hooks
	Log            *slog.Logger // nil: discarded
}

// Validate reports what RunLoad would refuse.
func (cfg LoadConfig) Validate() error {
	switch {
	case cfg.Callers < 1:
		return fmt.Errorf("%d callers ask nothing", cfg.Callers)
	case cfg.Pause <= 0:
		return errors.New("without a pause between questions there is no end to them")
	case cfg.Cyclic < 0:
		return errors.New("how often to ask for the ID that deadlocks cannot be negative")
	}
	return nil
}

// RunLoad asks until ctx ends, watched by an agent of its own.
func RunLoad(ctx context.Context, cfg LoadConfig) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configure callers: %w", err)
	}
	const name = "caller"
	agent, err := tracing.New(tracing.Config{Service: name})
	if err != nil {
		return fmt.Errorf("start agent: %w", err)
	}
	defer agent.Close()
	stop, err := amqpexport.Start(context.WithoutCancel(ctx), agent, amqpexport.Config{URL: cfg.URL, Dial: cfg.Dial, Log: cfg.Log})
	if err != nil {
		return fmt.Errorf("start agent: %w", err)
	}
	defer stop()
	conn, err := dial(ctx, Config{
		URL: cfg.URL, Dial: cfg.Dial, Agent: agent, Log: cfg.Log, Patience: cfg.Patience, TracerProvider: cfg.TracerProvider,
	}.withDefaults(), name)
	if err != nil {
		return fmt.Errorf("start callers: %w", err)
	}
	defer conn.Close()

	var g errgroup.Group
	for i := range cfg.Callers {
		c := NewCaller(conn, CallerConfig{
			Name: fmt.Sprintf("%s:%d", name, i+1), Agent: agent, Timeout: cfg.Timeout, Hooks: cfg.Hooks, Log: cfg.Log,
		})
		g.Go(func() error { c.Run(ctx); return nil })
		g.Go(func() error { cfg.ask(ctx, c); return nil })
		if i == 0 && cfg.Cyclic > 0 {
			g.Go(func() error { cfg.askCyclic(ctx, c); return nil })
		}
	}
	return g.Wait()
}

// ask asks for IDs at random, but never for the one that deadlocks. What comes
// of it is told by the hooks.
func (cfg LoadConfig) ask(ctx context.Context, c *Caller) {
	for pause.For(ctx, cfg.Pause/2+rand.N(cfg.Pause)) == nil {
		id := 1 + rand.Int64N(MaxID-1)
		if id >= cyclicID {
			id++
		}
		_, _ = c.Ask(ctx, []Service{A, B}[rand.IntN(2)], id)
	}
}

func (cfg LoadConfig) askCyclic(ctx context.Context, c *Caller) {
	for pause.For(ctx, cfg.Cyclic) == nil {
		_, _ = c.Ask(ctx, A, cyclicID)
	}
}
