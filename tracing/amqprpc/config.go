package amqprpc

import (
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/internal/amqpsession"
	"github.com/waitgraph/waitgraph/tracing"
)

// DefaultCallTimeout is how long a call waits for its reply when nothing else
// is said.
const DefaultCallTimeout = 5 * time.Second

// Config says how a Conn connects and behaves.
type Config struct {
	URL  string // of the broker, amqp:// or amqps://
	Name string // connection_name, as operators of the broker see it
	// Dial opens the transport; nil means TCP.
	Dial func(network, addr string) (net.Conn, error)
	// Heartbeat is at least a second; 0 means 5 s.
	Heartbeat time.Duration
	// CallTimeout is for calls that name no Timeout; 0 means
	// DefaultCallTimeout.
	CallTimeout time.Duration
	// Agent observes who waits for whom; nil means nobody does.
	Agent *tracing.Agent
	Log   *slog.Logger // nil: discarded
}

// Validate reports what Dial would refuse.
func (cfg Config) Validate() error {
	switch {
	case cfg.CallTimeout < 0:
		return fmt.Errorf("%w: call timeout %v", ErrInvalid, cfg.CallTimeout)
	case cfg.Heartbeat != 0 && cfg.Heartbeat < time.Second:
		return fmt.Errorf("%w: heartbeat %v is shorter than a second", ErrInvalid, cfg.Heartbeat)
	}
	return amqpsession.Check(cfg.URL)
}

// Option changes where a Conn's spans and trace contexts go.
type Option interface{ apply(*options) }

type options struct {
	provider   trace.TracerProvider
	propagator propagation.TextMapPropagator
}

type option func(*options)

func (o option) apply(opts *options) { o(opts) }

// WithTracerProvider makes p create the spans. The default is OpenTelemetry's
// global provider.
func WithTracerProvider(p trace.TracerProvider) Option {
	return option(func(o *options) { o.provider = p })
}

// WithPropagators makes p carry trace contexts in messages. The default is
// OpenTelemetry's global propagator. W3C trace context is carried in any case.
func WithPropagators(p propagation.TextMapPropagator) Option {
	return option(func(o *options) { o.propagator = p })
}
