package amqprpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestBrokerDiesAndReturns(t *testing.T) {
	everywhere(t, func(w *world) {
		cfg, network := w.through(w.config())
		client, server := w.connect(cfg), w.connect(cfg)
		queue, arrived := w.queue("echo"), make(chan context.Context, 10)
		w.serve(server, amqprpc.Server{Queue: queue, Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if string(r.Body) == "stay" {
				arrived <- ctx
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return r.Body, nil
		}})

		lost := make(chan error)
		go func() { _, err := w.call(client, queue, "stay"); lost <- err }()
		handling := <-arrived
		network.set(true)
		if err := <-lost; !errors.Is(err, amqprpc.ErrConnectionLost) {
			t.Errorf("a call whose reply queue is gone: %v", err)
		}
		<-handling.Done()
		if err := context.Cause(handling); !errors.Is(err, amqprpc.ErrConnectionLost) {
			t.Errorf("the handler's context ended with %v", err)
		}

		began := time.Now()
		_, err := client.Call(w.Context(), amqprpc.Call{Key: queue, Timeout: w.timeout})
		if took := time.Since(began); !errors.Is(err, amqprpc.ErrTimeout) || took < w.timeout {
			t.Errorf("without a broker, after %v: %v", took, err)
		}

		network.set(false)
		for attempt := 0; ; attempt++ { // the server may be back after the client
			got, err := w.call(client, queue, "back")
			if err == nil && got == "back" {
				break
			}
			if !errors.Is(err, amqprpc.ErrUnroutable) || attempt == 1000 {
				t.Fatalf("after the return: %q, %v", got, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

func TestCallWaitsForTheConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		server := w.connect(w.config())
		w.serve(server, amqprpc.Server{Queue: w.queue("echo"), Handler: echo})
		cfg, network := w.through(w.config())
		client := w.connect(cfg)
		network.set(true)
		time.AfterFunc(w.timeout, func() { network.set(false) })
		if got, err := client.Call(w.Context(), amqprpc.Call{Key: w.queue("echo"), Body: []byte("patience"), Timeout: 20 * w.timeout}); err != nil || string(got.Body) != "patience" {
			t.Errorf("%q, %v", got.Body, err)
		}
	})
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	everywhere(t, func(w *world) {
		cfg, network := w.through(w.config())
		network.set(true)
		ctx, cancel := context.WithTimeout(w.Context(), w.timeout)
		defer cancel()
		if _, err := amqprpc.Dial(ctx, cfg); !errors.Is(err, errDown) {
			t.Error(err)
		}
	})
}
