package shim

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

// DefaultTimeout is how long the shim waits for the engine to take a request.
const DefaultTimeout = time.Hour

// The queues. The engine's answers have space for Space items.
const (
	Requests = "engine.requests"
	Answers  = "engine.answers"
	Space    = 4
)

// MaxCount is how many items one request may ask for.
const MaxCount = 1000

// itemSize is the bytes of an item's content: enough for a client that reads slowly
// to be felt at the other end.
const itemSize = 16 << 10

// The processes: the engine, and the routines of the shim. Each stream has a send
// routine, named after this one with its number.
const (
	Engine  = "engine"
	Receive = "shim.receive"
	Intake  = "shim.intake"
	Send    = "shim.send"
)

// Variant is one of the two ways in which the shim enqueues.
type Variant string

// The variants.
const (
	Joined Variant = "joined" // the receive routine enqueues for all: the bug
	Apart  Variant = "apart"  // each send routine enqueues for itself
)

// Config describes the engine or the shim.
type Config struct {
	URL     string                                       // of the broker
	Dial    func(network, addr string) (net.Conn, error) // nil: TCP
	Agent   *tracing.Agent                               // nil: not observed by waitgraph
	Variant Variant                                      // of the shim; empty: Joined
	Timeout time.Duration                                // of the shim; 0: DefaultTimeout
	Work    time.Duration                                // of the engine, for each item
	// Listener takes the shim's clients, who speak gRPC. Run closes it.
	Listener net.Listener
	// TracerProvider makes the spans; nil: OpenTelemetry's global one.
	TracerProvider trace.TracerProvider
	Hooks          Hooks
	Log            *slog.Logger // nil: discarded
}

// Hooks tell of what shim, engine and clients do. A crash is that of the shim, told
// of the process that gave up.
type Hooks = hooks.Hooks

var errNoListener = errors.New("no listener for clients")

// Validate reports what RunShim would refuse.
func (cfg Config) Validate() error {
	switch {
	case cfg.Variant != "" && cfg.Variant != Joined && cfg.Variant != Apart:
		return fmt.Errorf("variant %q is neither %s nor %s", cfg.Variant, Joined, Apart)
	case cfg.Timeout < 0, cfg.Work < 0:
		return errors.New("a time cannot be negative")
	case cfg.Listener == nil:
		return errNoListener
	}
	return nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Variant == "" {
		cfg.Variant = Joined
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
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
