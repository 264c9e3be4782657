package compute

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/tracing"
)

// Config describes one replica.
type Config struct {
	Service Service
	Replica int                                          // 1, 2, …: part of the consumer's name
	URL     string                                       // of the broker
	Dial    func(network, addr string) (net.Conn, error) // nil: TCP
	Agent   *tracing.Agent                               // nil: not observed by waitgraph
	// IDs are those whose server processes this replica hosts. Nil leaves the
	// placement to chance: replicas toss for each ID, and whoever is left
	// takes over from one that dies.
	IDs []int64
	// Work returns how long a server process works on an ID before it asks
	// anybody or answers. Nil: not at all.
	Work func(id int64) time.Duration
	// Fixed makes ServiceB compute alone whatever the ID.
	Fixed   bool
	Timeout time.Duration // of calls; 0: DefaultTimeout
	// Patience is how long the broker may be unreachable at the start;
	// 0: as long as it takes.
	Patience time.Duration
	// TracerProvider makes the spans; nil: OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	Hooks          Hooks
	Log            *slog.Logger // nil: discarded
}

// Validate reports what Run would refuse.
func (cfg Config) Validate() error {
	switch {
	case !cfg.Service.Valid():
		return fmt.Errorf("service %q is neither a nor b", cfg.Service)
	case cfg.Replica < 1:
		return fmt.Errorf("replica %d: replicas are numbered from 1", cfg.Replica)
	case cfg.Timeout < 0:
		return errors.New("a call cannot time out before it begins")
	case cfg.Patience < 0:
		return errors.New("patience cannot be negative")
	}
	for _, id := range cfg.IDs {
		if !validID(id) {
			return fmt.Errorf("ID %d is not within 1 to %d", id, MaxID)
		}
	}
	return nil
}

// withDefaults returns cfg with every zero value replaced that has a meaning.
func (cfg Config) withDefaults() Config {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Work == nil {
		cfg.Work = func(int64) time.Duration { return 0 }
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	cfg.Hooks = cfg.Hooks.Filled()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// Hooks tell of what the processes do. A process starts again when it had to take
// its queue anew.
type Hooks = hooks.Hooks
