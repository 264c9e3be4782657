package endtoend_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// A process that answers first and asks back afterwards is in nobody's way.
func TestEarlyAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("early")
		done := make(chan error, 1)
		n.serve("0", 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if string(r.Body) == "" {
				return nil, nil
			}
			return nil, n.call(ctx, "1", "")
		})
		n.serve("1", 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if err := r.Reply(ctx, nil); err != nil {
				return nil, err
			}
			done <- n.call(ctx, "0", "")
			return nil, nil
		})
		s.acquaint()
		for range s.times(100) {
			if err := errors.Join(n.call(n.as("client"), "0", "ask"), <-done); err != nil {
				t.Error(err)
			}
		}
		s.unconfirmed(brief) // until a reply is here, its request may seem to lie in the queue
	})
}

// What a handler starts and does not await, and so detaches, does not make the
// handler wait.
func TestDetach(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("detach")
		done := make(chan error, 1)
		n.serve("0", 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if string(r.Body) == "" {
				return nil, nil
			}
			detached := tracing.Detach(context.WithoutCancel(ctx))
			go func() { done <- n.call(detached, "0", "") }()
			return nil, pause.For(ctx, 100*time.Millisecond)
		})
		s.acquaint()
		for range s.times(100) {
			if err := errors.Join(n.call(n.as("client"), "0", "ask"), <-done); err != nil {
				t.Error(err)
			}
		}
		s.silence(brief)
	})
}

// A process that serves the requests of its own call chain while it waits has
// said so, and does not wait for itself.
func TestReentrant(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("reentrant")
		process := n.agent.Process("0", tracing.Reentrant())
		n.serveAs(amqprpc.Server{Queue: "0", Process: process, Handler: does(func(ctx context.Context) error { return n.call(ctx, "1", "") })})
		n.serveAs(amqprpc.Server{Queue: "0 meanwhile", Process: process, Handler: does(func(ctx context.Context) error {
			return pause.For(ctx, 200*time.Millisecond)
		})})
		n.serve("1", 16, does(func(ctx context.Context) error { return n.call(ctx, "0 meanwhile", "") }))
		s.acquaint()
		for range s.times(20) {
			if err := n.call(n.as("client"), "0", ""); err != nil {
				t.Error(err)
			}
		}
		s.unconfirmed(brief)
		if breaches := n.agent.Stats().Breaches; breaches > 0 {
			t.Errorf("%d breaches of the contract", breaches)
		}
	})
}

// Of three processes that one asks at the same time, two ask it back. That is
// a deadlock if it needs more replies than the third can give.
func TestGather(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		need       int
		deadlocked bool
	}{{tracing.Any, false}, {2, true}, {tracing.All, true}} {
		t.Run(fmt.Sprintf("need=%d", c.need), func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *system) {
				n := s.node("gather")
				n.serve("0", 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
					if string(r.Body) == "" {
						return nil, nil
					}
					var calls []amqprpc.Call
					for _, whom := range []string{"1", "2", "3"} {
						calls = append(calls, amqprpc.Call{Key: whom + s.suffix, Timeout: 2 * time.Second})
					}
					_, err := n.conn.Gather(ctx, c.need, calls...)
					return nil, err
				})
				for _, name := range []string{"1", "2"} {
					n.serve(name, 16, does(func(ctx context.Context) error { return n.callFor(ctx, 2*time.Second, "0") }))
				}
				n.serve("3", 16, does(func(ctx context.Context) error { return pause.For(ctx, 500*time.Millisecond) }))
				s.acquaint()
				done := make(chan error, 1)
				client := n.as("client")
				go func() { done <- n.call(client, "0", "ask") }()
				if !c.deadlocked {
					s.silence(time.Second)
					if err := <-done; err != nil {
						t.Error(err)
					}
					return
				}
				v := s.awaitThat("stands", func(a *announcement) bool { return a.Again && a.Verdict.Status == detector.Confirmed }).Verdict
				if got := strings.Join(names(v.Core), " "); got != "0 1 2" || v.Kind != detector.Knot {
					t.Errorf("a %s of %s", v.Kind, got)
				}
				if cause := s.await(detector.Resolved).Verdict.Cause; cause != "timeout" {
					t.Errorf("resolved by %s", cause)
				}
				if err := <-done; err == nil {
					t.Error("the gathering succeeded")
				}
			})
		})
	}
}

// Tracing decides about spans alone. Without a tracer, with spans that do
// nothing and with sampling off deadlocks are seen all the same.
func TestTracingHidesNothing(t *testing.T) {
	t.Parallel()
	unsampled := trace.NewTracerProvider(trace.WithSampler(trace.NeverSample()))
	for name, opts := range map[string][]amqprpc.Option{
		"no tracer":    nil,
		"no-op spans":  {amqprpc.WithTracerProvider(noop.NewTracerProvider())},
		"sampling off": {amqprpc.WithTracerProvider(unsampled)},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *system) {
				n := s.node("traced", opts...)
				for i, name := range []string{"0", "1"} {
					next := []string{"1", "0"}[i]
					n.serve(name, 16, does(func(ctx context.Context) error { return n.call(ctx, next, "") }))
				}
				s.acquaint()
				go n.call(n.as("client"), "0", "")
				for _, m := range s.await(detector.Confirmed).Verdict.Core {
					if traced := m.Waits[0].Trace.TraceID != [16]byte{}; traced != (name == "sampling off") {
						t.Errorf("the wait of %s has a trace ID: %t", m.Key.Process, traced)
					}
				}
			})
		})
	}
}
