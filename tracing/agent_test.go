package tracing_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Waits that last are reported without anybody's asking: the timer wakes the
// exporter.
func TestTimerWakesTheExporter(t *testing.T) {
	inBubble(t, func(w *world) {
		p := w.start("p")[0]
		w.agent.Collect(1)
		ctx := tracing.WithProcess(w.Context(), p)
		for len(w.agent.Wake()) > 0 {
			<-w.agent.Wake()
		}
		for range 100 { // while it runs, the timer is not touched
			b, _ := w.call(ctx, tracing.All, 1)
			time.Sleep(10 * time.Millisecond)
			b.End(report.Granted)
		}
		select {
		case <-w.agent.Wake():
			t.Fatalf("woken for %+v", w.reported())
		default:
		}
		began := time.Now()
		_, _ = w.call(ctx, tracing.All, 1)
		<-w.agent.Wake()
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("reported after %v", took)
		}
		s := w.reported()["p"]
		if len(s.Waits) != 1 || !s.Waits[0].Since.Equal(began) || s.Waits[0].Deadline.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// The chain follows obligations.
func TestObligations(t *testing.T) {
	inBubble(t, func(w *world) {
		ps := w.start("a", "b")
		a, b := ps[0], ps[1]
		_, calls := w.call(tracing.WithProcess(w.Context(), a), tracing.All, 1)
		work, owed := handle(b, calls[0])

		nested, next := w.call(work, tracing.All, 1)
		if got := w.chainOf(next[0]); got != "a b" {
			t.Errorf("a nested call is waited for by %q", got)
		}
		nested.End(report.Granted)

		_, next = w.call(tracing.Detach(work), tracing.All, 1)
		if got := w.chainOf(next[0]); strings.Contains(got, "a") && strings.Contains(got, "b") {
			t.Errorf("a detached call is waited for by %q", got)
		}
		owed.Answered()
		owed.Abandoned() // too late
		_, next = w.call(work, tracing.All, 1)
		if got := w.chainOf(next[0]); got != "b" {
			t.Errorf("after the answer, a call is waited for by %q", got)
		}
		if n := w.agent.Stats().Breaches; n != 0 {
			t.Errorf("%d breaches", n)
		}
	})
}

// Requests are owed to nobody if nobody waits, or the chain is another
// message's.
func TestNobodyWaits(t *testing.T) {
	inBubble(t, func(w *world) {
		ps := w.start("a", "b")
		_, calls := w.call(tracing.WithProcess(w.Context(), ps[0]), tracing.All, 1)
		in := tracing.Propagator{}.Extract(context.Background(), calls[0].header)
		for name, d := range map[string]tracing.Delivery{
			"no reply to":     {Conversation: calls[0].id},
			"another request": {Conversation: w.agent.NewReply(), Answerable: true},
			"no conversation": {Answerable: true},
		} {
			if ps[1].Receive(in, d) != nil {
				t.Errorf("%s: owed", name)
			}
		}
		if ps[1].Receive(context.Background(), tracing.Delivery{Conversation: "4711", Answerable: true}) != nil {
			t.Error("owed to a caller without an agent")
		}
		if n := w.agent.Stats().Ignored; n != 2 {
			t.Errorf("%d chains ignored", n)
		}
	})
}

// A request that comes back closes the circle; at a reentrant process it does
// not, and is worked on by a process of its own.
func TestReentrance(t *testing.T) {
	inBubble(t, func(w *world) {
		b := w.start("b")[0]
		for _, a := range []*tracing.Process{w.agent.Process("plain"), w.agent.Process("free", tracing.Reentrant())} {
			a.Joined("q")
			wait, calls := w.call(tracing.WithProcess(w.Context(), a), tracing.All, 1)
			work, owed := handle(b, calls[0])
			back, calls := w.call(work, tracing.All, 1)
			work, returned := handle(a, calls[0])
			worker := tracing.ProcessFrom(work).Name()
			states := w.reported()
			switch a.Name() {
			case "plain":
				if s := states["plain"]; worker != "plain" || len(s.Holds) != 1 || !s.Holds[0].Closes || w.agent.Stats().Closed != 1 {
					t.Errorf("%s works, %+v", worker, s)
				}
			default:
				s := states["free/1"]
				if worker != "free/1" || len(s.Waits) != 0 || len(s.Holds) != 1 || len(states["free"].Holds) != 0 {
					t.Errorf("%s works, %+v", worker, states)
				}
				returned.Answered()
				if owed := returned.Process(); owed.Name() != "free/1" || w.agent.Stats().Processes != 4 {
					t.Errorf("%s has answered, and %d processes are left", owed.Name(), w.agent.Stats().Processes)
				}
				returned.Process().Stop()
				receive(a, calls[0]).Dropped() // nobody has begun it
				if n := w.agent.Stats().Breaches; n != 0 {
					t.Errorf("%d breaches", n)
				}
			}
			back.End(report.Granted)
			owed.Answered()
			wait.End(report.Granted)
		}
		w.reported()
		if n := w.agent.Stats().Processes; n != 3 {
			t.Errorf("%d processes are left", n)
		}
	})
}

// Parallel calls: what is needed decides whether a hop is a wait by itself, and
// when the process goes on.
func TestParallelCalls(t *testing.T) {
	inBubble(t, func(w *world) {
		p := w.start("p")[0]
		ctx := tracing.WithProcess(w.Context(), p)
		for _, c := range []struct {
			need    int
			partial bool
			granted int // after so many it goes on
		}{{tracing.All, false, 3}, {tracing.Any, true, 1}, {2, true, 2}} {
			b, calls := w.call(ctx, c.need, 3)
			if got := strings.HasSuffix(calls[1].header[tracing.Header], ";p"); got != c.partial {
				t.Errorf("need %d: partial %v", c.need, got)
			}
			for i := range c.granted {
				if w.agent.Stats().Blocked != 1 {
					t.Errorf("need %d: goes on after %d", c.need, i)
				}
				b.Granted(i)
				b.Granted(i) // once
			}
			if w.agent.Stats().Blocked != 0 {
				t.Errorf("need %d: blocked after %d", c.need, c.granted)
			}
			b.End(report.Granted)
		}
	})
}

// Two goroutines of one process that block apart are one wait for both; one
// that would be an alternative is another process's.
func TestTwoGoroutines(t *testing.T) {
	inBubble(t, func(w *world) {
		p := w.start("p")[0]
		ctx := tracing.WithProcess(w.Context(), p)
		first, _ := w.call(ctx, tracing.All, 1)
		second, _ := w.call(ctx, tracing.All, 2)
		other, _ := w.call(ctx, tracing.Any, 2)
		time.Sleep(time.Second)
		states := w.reported()
		if n := len(states["p"].Waits); n != 3 || len(states) != 2 {
			t.Errorf("p waits for %d of %+v", n, states)
		}
		first.End(report.Granted)
		second.Failed(0)
		if n := len(w.reported()["p"].Waits); n != 1 {
			t.Errorf("p waits for %d", n)
		}
		second.End(report.TimedOut)
		if s := w.reported()["p"]; len(s.Waits) != 0 || s.Ended == nil || s.Ended.Cause != report.TimedOut {
			t.Errorf("%+v", s)
		}
		other.End(report.Granted)
		w.reported()
		if n := w.agent.Stats().Processes; n != 1 {
			t.Errorf("%d processes are left", n)
		}
	})
}

// What comes late, twice or after the end does not touch the next wait, even
// for a lock of the same name.
func TestLateIsHarmless(t *testing.T) {
	inBubble(t, func(w *world) {
		p := w.start("p")[0]
		ctx := tracing.WithProcess(w.Context(), p)
		lock := func(name string) tracing.Wait { return tracing.Wait{Kind: report.Lock, Resource: name} }
		first := w.agent.Block(ctx, tracing.Any, lock("l"), lock("m"))
		first.Granted(0)
		second := w.agent.Block(ctx, tracing.All, lock("m"))
		first.Granted(1)
		first.Failed(1)
		first.End(report.TimedOut)
		first.End(report.TimedOut)
		first.Granted(-1)
		first.Granted(7)
		if s := w.reported()["p"]; len(s.Waits) != 1 || s.Waits[0].Resource != "m" {
			t.Errorf("%+v", s)
		}
		p.Crash()
		second.Granted(0)
		second.End(report.Granted)
		if s := w.reported()["p"]; s.Ended == nil || s.Ended.Cause != report.Crashed {
			t.Errorf("%+v", s)
		}
	})
}

// A process that answers while it is blocked breaks the contract, and its name
// is marked for good.
func TestBreach(t *testing.T) {
	inBubble(t, func(w *world) {
		ps := w.start("a", "b")
		_, calls := w.call(tracing.WithProcess(w.Context(), ps[0]), tracing.All, 1)
		work, owed := handle(ps[1], calls[0])
		_, _ = w.call(work, tracing.All, 1) // by a goroutine that the handler does not await
		owed.Answered()
		if s := w.reported()["b"]; !s.Breach || w.agent.Stats().Breaches != 1 {
			t.Errorf("%+v", s)
		}
		ps[1].Stop()
		b := w.agent.Process("b")
		_, _ = w.call(tracing.WithProcess(w.Context(), b), tracing.All, 1)
		time.Sleep(time.Second)
		if s := w.reported()["b"]; !s.Breach {
			t.Errorf("%+v", s)
		}
	})
}

// Without an agent, everything does nothing.
func TestNil(t *testing.T) {
	var a *tracing.Agent
	ctx := t.Context()
	p := a.Process("p", tracing.Reentrant())
	p.Joined("q")
	p.Hold(report.Lock, "l")
	o := p.Receive(ctx, tracing.Delivery{Conversation: "i#1/1", Answerable: true})
	ctx = p.Handling(ctx, o)
	b := a.Block(ctx, tracing.All, tracing.Wait{Kind: report.Reply, Resource: a.NewReply()})
	_ = o.Process()
	_ = b.Context(ctx, 0)
	b.Granted(0)
	b.Failed(0)
	b.End(report.Granted)
	o.Answered()
	o.Abandoned()
	o.Dropped()
	p.Release("l")
	p.Left("q")
	p.Stop()
	p.Crash()
	a.Close()
	a.Collect(1)
	a.Answer(report.Question{Everything: true})
	if a.Heartbeat().Heartbeat != nil || a.Wake() != nil || p.Name() != "" || a.ID() != (report.Agent{}) || a.Stats() != (tracing.Stats{}) {
		t.Error("an agent that is not there has something to say")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []tracing.Config{
		{}, {Service: "s", Instance: "\xff"}, {Service: strings.Repeat("s", 256)}, {Service: "s", Instance: strings.Repeat("i", 256)},
	} {
		if _, err := tracing.New(cfg); !errors.Is(err, report.ErrInvalid) {
			t.Errorf("%.10q, %.10q: %v", cfg.Service, cfg.Instance, err)
		}
	}
}

// Hostile headers are ignored and counted, and complained of once in a while.
func TestHostileHeaders(t *testing.T) {
	var complaints []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { complaints = append(complaints, err) }))
	inBubble(t, func(w *world) {
		p := w.start("p")[0]
		id := w.agent.NewReply()
		headers := []string{strings.Repeat("x;", 1<<20), ",,,,", "\xff", "a;1;b;1;1;1;", strings.Repeat("a;1;b;1;1;1;,", 1_000_000)}
		for range 100 {
			for _, h := range headers {
				if receive(p, request{id: id, header: propagation.MapCarrier{tracing.Header: h}}) != nil {
					t.Errorf("%.20q is taken for a chain", h)
				}
			}
		}
		if n := w.agent.Stats().Ignored; n != 500 || len(complaints) != 1 {
			t.Errorf("%d ignored, complaints %v", n, complaints)
		}
	})
}

// Many goroutines at once, for the race detector; at the end nothing is left.
func TestConcurrency(t *testing.T) {
	inBubble(t, func(w *world) {
		server := w.start("server")[0]
		span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 200 {
					p := w.agent.Process("client")
					ctx := tracing.WithProcess(w.Context(), p)
					b := w.agent.Block(ctx, tracing.All, tracing.Wait{Kind: report.Reply, Resource: w.agent.NewReply(), Span: span})
					_, calls := w.call(ctx, tracing.Any, 2)
					o := receive(server, calls[0])
					all.Go(func() { calls[0].blocked.Granted(0) })
					_ = server.Handling(ctx, o)
					o.Answered()
					calls[0].blocked.End(report.Granted)
					b.End(report.Cancelled)
					p.Stop()
					w.agent.Collect(3)
				}
			})
		}
		all.Wait()
		w.reported()
		if s := w.agent.Stats(); s.Processes != 1 || s.Blocked != 0 || s.Dirty != 0 {
			t.Errorf("%+v", s)
		}
		if b := w.agent.Heartbeat(); b.Heartbeat.Digest != (report.Digest{}) || !slices.Equal(b.Heartbeat.Members, b.Heartbeat.Members[:1]) {
			t.Errorf("%+v", b.Heartbeat)
		}
	})
}
