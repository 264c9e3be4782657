package tracing_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one agent in a bubble.
type world struct {
	*testing.T
	agent *tracing.Agent
}

func inBubble(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		a, err := tracing.New(tracing.Config{Service: "test", Instance: "i"})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		test(&world{t, a})
	})
}

// request is a message on its way.
type request struct {
	id      string
	header  propagation.MapCarrier
	blocked *tracing.Blocking
}

// call makes the process of ctx wait for the replies to n requests.
func (w *world) call(ctx context.Context, need, n int) (*tracing.Blocking, []request) {
	waits := make([]tracing.Wait, n)
	for i := range waits {
		waits[i] = tracing.Wait{Kind: report.Reply, Resource: w.agent.NewReply(), Deadline: time.Now().Add(time.Hour)}
	}
	b := w.agent.Block(ctx, need, waits...)
	requests := make([]request, n)
	for i := range requests {
		requests[i] = request{waits[i].Resource, propagation.MapCarrier{}, b}
		tracing.Propagator{}.Inject(b.Context(ctx, i), requests[i].header)
	}
	return b, requests
}

func receive(p *tracing.Process, r request) *tracing.Obligation {
	ctx := tracing.Propagator{}.Extract(context.Background(), r.header)
	return p.Receive(ctx, tracing.Delivery{Conversation: r.id, Answerable: true})
}

// handle lets a process receive a request and begin to work on it.
func handle(p *tracing.Process, r request) (context.Context, *tracing.Obligation) {
	o := receive(p, r)
	return p.Handling(context.Background(), o), o
}

// reported returns the latest states, by process.
func (w *world) reported() map[string]report.State {
	latest := make(map[string]report.State)
	for {
		b := w.agent.Collect(10)
		if err := b.Validate(); err != nil {
			w.Fatal(err)
		}
		for _, s := range b.States {
			latest[s.Key.Process] = s
		}
		if len(b.States) == 0 {
			return latest
		}
	}
}

// path names the processes of a call chain.
func path(chain []report.Hop) string {
	var names []string
	for _, h := range chain {
		names = append(names, h.Key.Process)
	}
	return strings.Join(names, " ")
}

// chainOf makes p, blocked, receive a request and returns the chain that is
// reported with it.
func (w *world) chainOf(r request) string {
	p := w.agent.Process("end")
	_, _ = w.call(tracing.WithProcess(w.Context(), p), tracing.All, 1)
	receive(p, r)
	holds := w.reported()["end"].Holds
	if len(holds) != 1 {
		w.Fatalf("held is %+v", holds)
	}
	return path(holds[0].Chain)
}

func (w *world) start(names ...string) []*tracing.Process {
	var ps []*tracing.Process
	for _, name := range names {
		p := w.agent.Process(name)
		p.Joined(name)
		ps = append(ps, p)
	}
	return ps
}
