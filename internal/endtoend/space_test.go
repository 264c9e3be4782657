package endtoend_test

import (
	"context"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// full has the engine, when it is asked to put, wait for space in a queue of one
// message. Its consumer, the shim, has a message and does with it what its body says;
// another lies there.
func full(s *system, do func(ctx context.Context, shim *node, body string) error) (put func() error) {
	left, right := s.node("left"), s.node("right")
	answers := "answers" + s.suffix
	send := func(ctx context.Context, body string) error {
		return left.conn.Put(ctx, amqprpc.Message{Key: answers, Body: []byte(body)})
	}
	left.serve("engine", 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
		if string(r.Body) == "put" {
			return nil, send(ctx, "third")
		}
		return nil, nil
	})
	declared := make(chan struct{}, 1)
	right.running.Go(func() {
		_ = right.conn.Serve(right.ctx, amqprpc.Server{
			Queue: answers, Process: right.agent.Process("shim"), Prefetch: 1,
			Declare: func(ch *amqp.Channel) error {
				bounded := amqp.Table{"x-expires": int32(30_000), "x-max-length": int32(1), "x-overflow": "reject-publish"}
				_, err := ch.QueueDeclare(answers, true, false, false, false, bounded)
				declared <- struct{}{}
				return err
			},
			Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				return nil, do(ctx, right, string(r.Body))
			},
		})
	})
	<-declared
	s.acquaint()
	for _, body := range []string{"first", "second"} {
		if err := send(left.ctx, body); err != nil {
			s.Error(err)
		}
		s.acquaint() // the shim has taken the first
	}
	client := left.as("client")
	return func() error { return left.call(client, "engine", "put") }
}

// The shim asks the engine, which waits for space in the shim's queue.
func TestQueueFull(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		asks := make(chan struct{})
		put := full(s, func(ctx context.Context, shim *node, body string) error {
			if body != "first" {
				return nil
			}
			<-asks
			return shim.callFor(ctx, 8*time.Second, "engine")
		})
		go put()
		pause.For(t.Context(), 100*time.Millisecond)
		close(asks)
		if got := names(s.await(detector.Confirmed).Verdict.Core); len(got) != 2 {
			t.Errorf("confirmed: %v", got)
		}
		if cause := s.await(detector.Resolved).Verdict.Cause; cause != "timeout" {
			t.Errorf("resolved by %s", cause)
		}
	})
}

// The shim takes the second message and asks the engine at once. The engine waits
// for space that is there: it will try again.
func TestSpaceThatIsThere(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		put := full(s, func(ctx context.Context, shim *node, body string) error {
			switch body {
			case "first":
				return pause.For(ctx, 6050*time.Millisecond) // by now the engine tries twice a second
			case "second":
				return shim.callFor(ctx, 4*time.Second, "engine")
			}
			return nil
		})
		if err := put(); err != nil {
			t.Error(err)
		}
		s.unconfirmed(time.Second)
	})
}
