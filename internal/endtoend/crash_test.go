package endtoend_test

import (
	"context"
	"strings"
	"testing"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// A worker that has taken a request ahead crashes in the midst of another one.
// The request is back in the queue of the pool, whose other worker waits for who
// sent it: a deadlock, although the request had been taken once.
func TestCrashLeavesADeadlockBehind(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		brittle, n := s.node("brittle"), s.node("pool")
		received, crash := make(chan struct{}, 10), make(chan struct{})
		brittle.work("worker@1", amqprpc.Server{
			Queue: "pool", Prefetch: 2,
			Received: func(*amqprpc.Request) { received <- struct{}{} },
			Handler: does(func(ctx context.Context) error {
				select {
				case <-crash:
					return amqprpc.Crash(errCrash)
				case <-ctx.Done():
					return ctx.Err()
				}
			}),
		})
		n.serve("asker", 16, does(func(ctx context.Context) error { return n.call(ctx, "pool", "") }))
		s.acquaint()
		go n.call(n.as("client:0"), "pool", "")
		<-received
		go n.call(n.as("client:1"), "asker", "")
		<-received // and it waits behind the other
		begun := make(chan struct{}, 1)
		n.work("worker@2", amqprpc.Server{Queue: "pool", Handler: does(func(ctx context.Context) error {
			begun <- struct{}{}
			return n.call(ctx, "asker", "")
		})})
		s.acquaint()
		go n.call(n.as("client:2"), "pool", "")
		<-begun
		s.silence(brief)
		close(crash)
		if core := names(s.await(detector.Confirmed).Verdict.Core); strings.Join(core, " ") != "asker worker@2" {
			t.Errorf("the core is %v", core)
		}
	})
}
