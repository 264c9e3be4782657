package tracing

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// Header is the name of the message header that carries the call chain.
const Header = "waitgraph-chain"

// Propagator carries the call chain of a request, as W3C propagators carry
// trace context: use both.
type Propagator struct{}

var _ propagation.TextMapPropagator = Propagator{}

// Inject sets the header from a context of Blocking.Context. A message that
// nobody waits for carries none.
func (Propagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	if c, ok := ctx.Value(outboundKey).(chain); ok && c != "" {
		carrier.Set(Header, string(c))
	}
}

// Extract keeps the header for Process.Receive. It is not decoded.
func (Propagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	text := carrier.Get(Header)
	if text == "" && ctx.Value(inboundKey) == nil {
		return ctx
	}
	return context.WithValue(ctx, inboundKey, chain(text))
}

// Fields returns the name of the header.
func (Propagator) Fields() []string { return []string{Header} }

type contextKey int

const (
	workKey     contextKey = iota // *work: on whose behalf the code runs
	inboundKey                    // chain: as it came with a request
	outboundKey                   // chain: as it goes with a request
)

// work is what a goroutine is doing: the process that it runs for and the
// request that it works on.
type work struct {
	process    *Process
	obligation *Obligation
}

func workOf(ctx context.Context) work {
	if w, _ := ctx.Value(workKey).(*work); w != nil {
		return *w
	}
	return work{}
}

// WithProcess returns a context in which the process is the one that waits when
// something called with that context blocks.
func WithProcess(ctx context.Context, p *Process) context.Context {
	return context.WithValue(ctx, workKey, &work{process: p})
}

// ProcessFrom returns the process of a context, nil if it has none.
func ProcessFrom(ctx context.Context) *Process { return workOf(ctx).process }

// Detach returns a context for a goroutine that a handler starts and does not
// await. What that goroutine calls is waited for by nobody else: it runs for no
// process and carries no call chain.
func Detach(ctx context.Context) context.Context {
	return context.WithValue(ctx, workKey, &work{})
}
