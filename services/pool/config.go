package pool

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

// DefaultTimeout is how long a call waits for its answer.
const DefaultTimeout = 5 * time.Second

// MaxRequests is how many requests a server with a semaphore has at a time, those
// that wait for a permit included.
const MaxRequests = 1000

// MaxDepth is how deep a request may go.
const MaxDepth = 8

// Form is what a pool is made of.
type Form string

// The forms.
const (
	Consumers  Form = "consumers"  // processes that compete for the queue
	Goroutines Form = "goroutines" // a server that handles several requests at a time
	Semaphore  Form = "semaphore"  // a server that takes up all requests, of which several have a permit to work
)

func (f Form) valid() bool { return f == Consumers || f == Goroutines || f == Semaphore }

// Config describes one replica of the service.
type Config struct {
	Replica int                                          // 1, 2, …: part of the workers' names
	URL     string                                       // of the broker
	Dial    func(network, addr string) (net.Conn, error) // nil: TCP
	Agent   *tracing.Agent                               // nil: not observed by waitgraph
	Form    Form                                         // empty: Consumers
	Workers int                                          // of this replica and, if it is layered, of each depth; or permits
	Layered bool                                         // a queue for each depth
	// Work returns how long a worker works on a request before it asks or
	// answers. Nil: not at all.
	Work    func(depth int) time.Duration
	Timeout time.Duration // of calls; 0: DefaultTimeout
	// TracerProvider makes the spans; nil: OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	Hooks          Hooks
	Log            *slog.Logger // nil: discarded
}

// Hooks tell of what the workers do. The process that begins to wait may be that of
// one request, and what it waits for a permit.
type Hooks struct {
	hooks.Hooks
	// Refused is told of a request that was answered by an error.
	Refused func(process string, cause error)
}

// Validate reports what Run would refuse.
func (cfg Config) Validate() error {
	switch {
	case cfg.Replica < 1:
		return fmt.Errorf("replica %d: replicas are numbered from 1", cfg.Replica)
	case cfg.Form != "" && !cfg.Form.valid():
		return fmt.Errorf("form %q is none of %s, %s and %s", cfg.Form, Consumers, Goroutines, Semaphore)
	case cfg.Workers < 1:
		return fmt.Errorf("%d workers do nothing", cfg.Workers)
	case cfg.Timeout < 0:
		return errors.New("a call cannot time out before it begins")
	}
	return nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Form == "" {
		cfg.Form = Consumers
	}
	if cfg.Work == nil {
		cfg.Work = func(int) time.Duration { return 0 }
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	cfg.Hooks = cfg.Hooks.filled()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

func (h Hooks) filled() Hooks {
	h.Hooks = h.Filled()
	if h.Refused == nil {
		h.Refused = func(string, error) {}
	}
	return h
}
