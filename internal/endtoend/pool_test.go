package endtoend_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// pool starts two workers that compete for one queue, in OS processes of their
// own.
func pool(s *system, handle func(n *node) amqprpc.Handler) (nodes []*node) {
	for i := range 2 {
		n := s.node("pool")
		n.work(fmt.Sprintf("worker@%d", i+1), amqprpc.Server{Queue: "pool", Handler: handle(n)})
		nodes = append(nodes, n)
	}
	return nodes
}

// A worker asks its own pool, whose other worker is busy for 350 ms and then
// takes the request up: that is no deadlock at any moment.
func TestPoolFreesItself(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		nodes := pool(s, func(n *node) amqprpc.Handler {
			return func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				switch string(r.Body) {
				case "busy":
					return nil, pause.For(ctx, 350*time.Millisecond)
				case "nested":
					return nil, n.call(ctx, "pool", "")
				}
				return nil, nil
			}
		})
		s.acquaint()
		for range s.times(10) {
			var calling sync.WaitGroup
			for _, body := range []string{"busy", "nested"} {
				client := nodes[0].as(body)
				calling.Go(func() {
					if err := nodes[0].call(client, "pool", body); err != nil {
						t.Errorf("%s: %v", body, err)
					}
				})
			}
			s.silence(500 * time.Millisecond)
			calling.Wait()
		}
	})
}

// Both workers ask their own pool: nobody is left to take the requests up.
func TestPoolExhausted(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		both := make(chan struct{}, 2)
		nodes := pool(s, func(n *node) amqprpc.Handler {
			return func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				if string(r.Body) == "" {
					return nil, nil
				}
				both <- struct{}{}
				for len(both) < 2 {
					if err := pause.For(ctx, time.Millisecond); err != nil {
						return nil, err
					}
				}
				return nil, n.callFor(ctx, 8*time.Second, "pool")
			}
		})
		s.acquaint()
		for _, name := range []string{"client:0", "client:1"} {
			go nodes[0].call(nodes[0].as(name), "pool", "nested")
		}
		v := s.await(detector.Confirmed).Verdict
		if got := strings.Join(names(v.Core), " "); v.Kind != detector.Knot || got != "worker@1 worker@2" {
			t.Errorf("confirmed a %s of %s", v.Kind, got)
		}
		if cause := s.await(detector.Resolved).Verdict.Cause; cause != "timeout" {
			t.Errorf("resolved by %s", cause)
		}
	})
}

// An exhausted pool is saved by a worker that joins.
func TestPoolSavedByAnother(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		one := s.node("pool")
		handle := func(n *node) amqprpc.Handler {
			return func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				if string(r.Body) == "" {
					return nil, nil
				}
				return nil, n.call(ctx, "pool", "")
			}
		}
		one.work("worker@1", amqprpc.Server{Queue: "pool", Handler: handle(one)})
		s.acquaint()
		done := make(chan error, 1)
		client := one.as("client")
		go func() { done <- one.call(client, "pool", "nested") }()
		s.await(detector.Confirmed)
		other := s.node("pool")
		other.work("worker@2", amqprpc.Server{Queue: "pool", Handler: handle(other)})
		if err := <-done; err != nil {
			t.Error(err)
		}
		if v := s.await(detector.Resolved).Verdict; v.Contradicted {
			t.Errorf("contradicted: %s", v.Cause)
		}
	})
}

// A router with two workers asks one of them, and that one asks the router's
// other worker by way of the queue: there is always one left.
func TestRouterWithTwoWorkers(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		nodes := pool(s, func(n *node) amqprpc.Handler {
			return func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				if hops := len(r.Body); hops > 0 {
					return nil, n.call(ctx, "router", string(r.Body[1:]))
				}
				return nil, nil
			}
		})
		router := s.node("router")
		router.work("router", amqprpc.Server{Queue: "router", PerRequest: true, Prefetch: 8, Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			return nil, router.call(ctx, "pool", string(r.Body))
		}})
		s.acquaint()
		for range s.times(100) {
			if err := nodes[0].call(nodes[0].as("client"), "router", "+"); err != nil {
				t.Error(err)
			}
		}
		s.unconfirmed(brief)
	})
}
