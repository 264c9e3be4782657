package spansink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/secret"
)

// tracesPath is where OTLP takes spans, below its base URL.
const tracesPath = "v1/traces"

// Bounds on what waits, and for how long.
const (
	maxQueued = 256
	maxBatch  = 64
	flushTime = 2 * time.Second // for what is left at the end
)

// What becomes of a span.
const (
	sent    = "sent"    // and accepted
	failed  = "failed"  // not accepted, also after trying again
	dropped = "dropped" // too many others were waiting
)

// Config says who is told. The zero value tells nobody.
type Config struct {
	// Endpoint is the base URL of a receiver of OTLP over HTTP; spans go to
	// its /v1/traces. Headers, such as a token, and certificates are taken from
	// the variables OTEL_EXPORTER_OTLP_... as OpenTelemetry defines them.
	Endpoint string

	Remind   time.Duration         // how often standing verdicts are announced
	Registry prometheus.Registerer // takes the metrics; nil: there are none
	// Trouble, if set, is told of each failure; the message is always the same, and
	// the error shows nothing that the receiver said but the number of its status.
	Trouble func(message string, err error)
}

// Validate returns an error if the configuration cannot work.
func (c *Config) Validate() error {
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil:
		return errors.New("unusable OTLP endpoint: it cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("unusable OTLP endpoint: it must begin with http:// or https://")
	case u.Hostname() == "":
		return errors.New("unusable OTLP endpoint: it names no host")
	case u.User != nil:
		return errors.New("unusable OTLP endpoint: what authenticates belongs in OTEL_EXPORTER_OTLP_HEADERS, not in the URL")
	}
	return nil
}

// Sink makes spans of verdicts.
type Sink struct {
	exporter sdktrace.SpanExporter // nil: nobody is told
	tracer   trace.Tracer
	standing standing
	queue    chan sdktrace.ReadOnlySpan
	spans    *prometheus.CounterVec
	trouble  func(message string, err error)
}

// New returns a Sink that sends nothing until it runs.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Endpoint == "" {
		return newSink(cfg, nil)
	}
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, errors.New("unusable OTLP endpoint: it cannot be parsed")
	}
	exporter, err := otlptracehttp.New(context.Background(),
		otlptracehttp.WithEndpointURL(u.JoinPath(tracesPath).String()),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: 500 * time.Millisecond, MaxInterval: 10 * time.Second, MaxElapsedTime: time.Minute,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("export spans: %w", err)
	}
	return newSink(cfg, exporter)
}

func newSink(cfg Config, exporter sdktrace.SpanExporter) (*Sink, error) {
	s := &Sink{
		exporter: exporter,
		standing: newStanding(cfg.Remind),
		queue:    make(chan sdktrace.ReadOnlySpan, maxQueued),
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "waitgraph", Name: "spans_total", Help: "Deadlocks that were to be told as spans, by what became of that.",
		}, []string{"outcome"}),
		trouble: cfg.Trouble,
	}
	if s.trouble == nil {
		s.trouble = func(string, error) {}
	}
	for _, outcome := range []string{sent, failed, dropped} {
		s.spans.WithLabelValues(outcome)
	}
	if cfg.Registry != nil {
		if err := cfg.Registry.Register(s.spans); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	about, err := resource.New(context.Background(),
		resource.WithAttributes(attribute.String("service.name", "waitgraph")), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("export spans: %w", err)
	}
	s.tracer = sdktrace.NewTracerProvider(
		sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithSpanProcessor(queued{s}),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: maxText, AttributeCountLimit: -1, EventCountLimit: -1, LinkCountLimit: -1,
			AttributePerEventCountLimit: -1, AttributePerLinkCountLimit: -1,
		}),
	).Tracer("github.com/waitgraph/waitgraph/detector")
	return s, nil
}

// Announce takes a step of a verdict, or that it still stands. It never waits
// for a receiver. It is called by one goroutine.
func (s *Sink) Announce(at time.Time, a detector.Announce) {
	if s.exporter == nil {
		return
	}
	v := &a.Verdict
	if !v.Status.Ended() {
		s.standing.note(at, &a)
		return
	}
	stood := s.standing.end(v.ID)
	if v.Status == detector.Resolved {
		s.span(v, stood)
	}
}

// Run sends spans until ctx ends, and then for a moment what is left.
func (s *Sink) Run(ctx context.Context) {
	if s.exporter == nil {
		return
	}
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	context.AfterFunc(ctx, func() {
		flush, done := context.WithTimeout(sending, flushTime)
		defer done()
		<-flush.Done()
		cancel()
	})
	for ctx.Err() == nil {
		select {
		case first := <-s.queue:
			s.send(sending, s.batch(first))
		case <-ctx.Done():
		}
	}
	for {
		select {
		case first := <-s.queue:
			s.send(sending, s.batch(first))
		default:
			_ = s.exporter.Shutdown(sending) // it has nothing left to say
			return
		}
	}
}

// batch returns the first span and those that wait behind it, up to a bound.
func (s *Sink) batch(first sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	batch := []sdktrace.ReadOnlySpan{first}
	for len(batch) < maxBatch {
		select {
		case next := <-s.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

func (s *Sink) send(ctx context.Context, batch []sdktrace.ReadOnlySpan) {
	outcome := sent
	if err := s.exporter.ExportSpans(ctx, batch); err != nil {
		outcome = failed
		s.trouble("spans not delivered", plain(err))
	}
	s.spans.WithLabelValues(outcome).Add(float64(len(batch)))
}

var errNotAccepted = errors.New("the receiver did not accept them")

// refused finds in an error of the exporter, which has no type for it, the number
// of the status by which the receiver refused.
var refused = regexp.MustCompile(`^traces export: failed to send to \S+: ([0-9]{3}) `)

// plain returns as much of an error of the exporter as may be shown: it holds the
// whole of what the receiver said, who may have repeated what authenticates us.
func plain(err error) error {
	if why := secret.Failure(err); why != nil {
		return why
	}
	if status := refused.FindStringSubmatch(err.Error()); status != nil {
		return fmt.Errorf("%w: it answered %s", errNotAccepted, status[1])
	}
	return errNotAccepted
}

// queued passes on spans that have ended to whoever sends them.
type queued struct{ s *Sink }

var _ sdktrace.SpanProcessor = queued{}

// OnStart implements sdktrace.SpanProcessor.
func (queued) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor. It never blocks.
func (q queued) OnEnd(span sdktrace.ReadOnlySpan) {
	select {
	case q.s.queue <- span:
	default:
		q.s.spans.WithLabelValues(dropped).Inc()
	}
}

// Shutdown implements sdktrace.SpanProcessor.
func (queued) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdktrace.SpanProcessor.
func (queued) ForceFlush(context.Context) error { return nil }
