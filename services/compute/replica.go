package compute

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/thejerf/suture/v4"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Run connects to the broker and runs one replica until ctx ends: a consumer
// of the shared queue and the server processes that are placed here, each
// restarted by a supervisor. It returns nil once all of them have stopped.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("configure replica: %w", err)
	}
	cfg = cfg.withDefaults()
	name := fmt.Sprintf("%s@%d", cfg.Service.Name(), cfg.Replica)
	conn, err := dial(ctx, cfg, name)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer conn.Close()

	r := &replica{Config: cfg, conn: conn, producer: producer{conn: conn, timeout: cfg.Timeout, hooks: cfg.Hooks}}
	s := supervisor(name, cfg.Log)
	s.Add(&consumer{replica: r, name: cfg.Service.Consumer(cfg.Replica)})
	for _, c := range cfg.claims() {
		s.Add(&server{replica: r, id: c.id, name: cfg.Service.Server(c.id), wait: c.wait})
	}
	if err := s.Serve(ctx); ctx.Err() == nil {
		return fmt.Errorf("supervise %s: %w", name, err)
	}
	return nil
}

func dial(ctx context.Context, cfg Config, name string) (*amqprpc.Conn, error) {
	if cfg.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cfg.Patience)
		defer cancel()
	}
	return amqprpc.Dial(ctx, amqprpc.Config{
		URL: cfg.URL, Dial: cfg.Dial, Name: name, Agent: cfg.Agent, Log: cfg.Log,
	}, amqprpc.WithTracerProvider(cfg.TracerProvider))
}

// replica is what the processes of one replica share.
type replica struct {
	Config
	conn     *amqprpc.Conn
	producer producer
}

var (
	_ suture.Service = (*consumer)(nil)
	_ suture.Service = (*server)(nil)
	_ suture.Service = (*Caller)(nil)
)

// supervisor returns one that restarts a process at once. Only when more crash
// at a time than the services have IDs, it pauses for a moment.
func supervisor(name string, log *slog.Logger) *suture.Supervisor {
	return suture.New(name, suture.Spec{
		EventHook:        func(e suture.Event) { log.Warn("supervisor", "event", e.String()) },
		FailureThreshold: MaxID,
		FailureBackoff:   time.Second,
	})
}
