package tracing_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

func newBenchmarkAgent(b *testing.B) *tracing.Agent {
	b.Helper()
	a, err := tracing.New(tracing.Config{Service: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.Close)
	return a
}

// BenchmarkWait is what an uncontended wait costs its caller: a name for the
// reply, Block and End.
func BenchmarkWait(b *testing.B) {
	a := newBenchmarkAgent(b)
	ctx := tracing.WithProcess(context.Background(), a.Process("client"))
	b.ReportAllocs()
	for b.Loop() {
		w := a.Block(ctx, tracing.All, tracing.Wait{Kind: report.Reply, Resource: a.NewReply(), Key: "server"})
		w.End(report.Granted)
	}
}

// BenchmarkDebt is what a request costs its server: Receive, Handling and
// Answered.
func BenchmarkDebt(b *testing.B) {
	a := newBenchmarkAgent(b)
	p := a.Process("server")
	b.ReportAllocs()
	for b.Loop() {
		o := p.Receive(context.Background(), tracing.Delivery{Conversation: a.NewReply(), Answerable: true})
		p.Handling(context.Background(), o)
		o.Answered()
	}
}

// BenchmarkNestedCall is all of it: a server that has been called with a chain
// of three calls another, which receives the chain of four and answers.
func BenchmarkNestedCall(b *testing.B) {
	a := newBenchmarkAgent(b)
	deadline := time.Now().Add(time.Hour)
	ctx := context.Background()
	call := func(ctx context.Context) (*tracing.Blocking, string, context.Context) {
		id := a.NewReply()
		w := a.Block(ctx, tracing.All, tracing.Wait{Kind: report.Reply, Resource: id, Deadline: deadline, Key: "server"})
		header := propagation.MapCarrier{}
		tracing.Propagator{}.Inject(w.Context(ctx, 0), header)
		return w, id, tracing.Propagator{}.Extract(context.Background(), header)
	}
	for _, name := range []string{"consumer", "server_a:42", "server_b:42"} {
		p := a.Process(name)
		p.Joined(name)
		_, id, in := call(tracing.WithProcess(ctx, p))
		ctx = p.Handling(in, p.Receive(in, tracing.Delivery{Conversation: id, Answerable: true}))
	}
	caller, callee := a.Process("caller"), a.Process("callee")
	caller.Joined("caller")
	_, id, in := call(ctx)
	ctx = caller.Handling(in, caller.Receive(in, tracing.Delivery{Conversation: id, Answerable: true}))
	b.ReportAllocs()
	for b.Loop() {
		w, id, in := call(ctx)
		o := callee.Receive(in, tracing.Delivery{Conversation: id, Answerable: true})
		callee.Handling(in, o)
		o.Answered()
		w.End(report.Granted)
	}
}
