package amqprpc_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/minibroker"
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
		network.Cut()
		if err := <-lost; !errors.Is(err, amqprpc.ErrConnectionLost) {
			w.Errorf("a call whose reply queue is gone: %v", err)
		}
		<-handling.Done()
		if err := context.Cause(handling); !errors.Is(err, amqprpc.ErrConnectionLost) {
			w.Errorf("the handler's context ended with %v", err)
		}

		began := time.Now()
		_, err := client.Call(w.Context(), amqprpc.Call{Key: queue, Timeout: w.timeout})
		if took := time.Since(began); !errors.Is(err, amqprpc.ErrTimeout) || took < w.timeout {
			w.Errorf("without a broker, after %v: %v", took, err)
		}

		network.Mend()
		for attempt := 0; ; attempt++ { // the server may be back after the client
			got, err := w.call(client, queue, "back")
			if err == nil && got == "back" {
				break
			}
			if !errors.Is(err, amqprpc.ErrUnroutable) || attempt == 1000 {
				w.Fatalf("after the return: %q, %v", got, err)
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
		network.Cut()
		time.AfterFunc(w.timeout, func() { network.Mend() })
		if got, err := client.Call(w.Context(), amqprpc.Call{Key: w.queue("echo"), Body: []byte("patience"), Timeout: 20 * w.timeout}); err != nil || string(got.Body) != "patience" {
			w.Errorf("%q, %v", got.Body, err)
		}
	})
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	everywhere(t, func(w *world) {
		cfg, network := w.through(w.config())
		network.Cut()
		ctx, cancel := context.WithTimeout(w.Context(), w.timeout)
		defer cancel()
		if _, err := amqprpc.Dial(ctx, cfg); !errors.Is(err, brokertest.ErrDown) {
			w.Error(err)
		}
	})
}

// Once the broker has said that it is short of memory nothing is sent, and what
// was given up by then never is.
func TestCallsEndInTimeWhileTheBrokerBlocks(t *testing.T) {
	everywhere(t, func(w *world) {
		if w.Embedded == nil {
			w.Skip("cannot make this broker short of memory")
		}
		conn, handled := w.connect(w.config()), make(chan string, 10)
		w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
			handled <- string(r.Body)
			return r.Body, nil
		}})
		if _, err := w.call(conn, w.queue("q"), "before"); err != nil {
			w.Fatal(err)
		}
		w.Embedded.Block()
		synctest.Wait()
		for _, body := range []string{"first", "meanwhile"} { // the broker complains when it gets the first
			began := time.Now()
			_, err := conn.Call(w.Context(), amqprpc.Call{Key: w.queue("q"), Body: []byte(body), Timeout: w.timeout})
			if took := time.Since(began); !errors.Is(err, amqprpc.ErrTimeout) || took != w.timeout {
				w.Errorf("after %v: %v", took, err)
			}
		}
		time.AfterFunc(time.Second, w.Embedded.Unblock)
		if got, err := w.call(conn, w.queue("q"), "after"); got != "after" || err != nil {
			w.Errorf("%q, %v", got, err)
		}
		if got := <-handled + " " + <-handled + " " + <-handled; got != "before first after" {
			w.Errorf("handled: %s", got)
		}
	})
}

// A peer that stops reading without a word must not hold up anybody either.
// This is in real time: the client library blocks on locks then, which a bubble
// does not take for waiting.
func TestCallsEndWhileThePeerDoesNotRead(t *testing.T) {
	broker := minibroker.New()
	t.Cleanup(func() { _ = broker.Close() })
	var stuck atomic.Bool
	w := &world{T: t, Broker: brokertest.Broker{URL: "amqp://guest:guest@embedded/"}}
	w.Dial = func(network, addr string) (net.Conn, error) {
		conn, err := broker.Dial(network, addr)
		return &stuckConn{Conn: conn, stuck: &stuck, closed: make(chan struct{})}, err
	}
	conn := w.connect(w.config())
	w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Handler: echo})
	if _, err := w.call(conn, w.queue("q"), ""); err != nil {
		t.Fatal(err)
	}
	stuck.Store(true)
	for range 3 {
		_, err := conn.Call(t.Context(), amqprpc.Call{Key: w.queue("q"), Timeout: 20 * time.Millisecond})
		if !errors.Is(err, amqprpc.ErrTimeout) {
			t.Error(err)
		}
	}
	conn.Close()
}

// stuckConn is a connection on which writes get stuck once stuck is set.
type stuckConn struct {
	net.Conn
	stuck  *atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (c *stuckConn) Write(p []byte) (int, error) {
	if c.stuck.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *stuckConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
