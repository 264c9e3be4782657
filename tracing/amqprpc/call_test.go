package amqprpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestCallIsAnswered(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		w.serve(conn, amqprpc.Server{Queue: w.queue("echo"), Handler: echo})
		for _, body := range []string{"", "hello", string(make([]byte, 300_000))} {
			if got, err := w.call(conn, w.queue("echo"), body); err != nil || got != body {
				w.Fatalf("%d bytes came back, %v; sent %d", len(got), err, len(body))
			}
		}
	})
}

func TestCallTimesOutAndItsLateReplyIsDropped(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, release := w.connect(w.config()), make(chan struct{})
		w.serve(conn, amqprpc.Server{Queue: w.queue("slow"), Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
			if string(r.Body) == "slow" {
				<-release
			}
			return r.Body, nil
		}})
		began := time.Now()
		_, err := conn.Call(w.Context(), amqprpc.Call{Key: w.queue("slow"), Body: []byte("slow"), Timeout: w.timeout})
		if took := time.Since(began); !errors.Is(err, amqprpc.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || took < w.timeout {
			w.Errorf("after %v: %v", took, err)
		}
		close(release)
		if got, err := w.call(conn, w.queue("slow"), "next"); got != "next" || err != nil {
			w.Errorf("the next call got %q, %v", got, err)
		}
		if got := conn.Stats().LateReplies; got != 1 {
			w.Errorf("%d late replies", got)
		}
	})
}

func TestErrorOfHandlerReachesCaller(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		w.serve(conn, amqprpc.Server{Queue: w.queue("failing"), Handler: func(context.Context, *amqprpc.Request) ([]byte, error) {
			return nil, errors.New("no such account")
		}})
		_, err := w.call(conn, w.queue("failing"), "")
		var remote *amqprpc.RemoteError
		if !errors.As(err, &remote) || remote.Message != "no such account" {
			w.Error(err)
		}
	})
}

func TestUnroutableCallFailsAtOnce(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		w.serve(conn, amqprpc.Server{Queue: w.queue("echo"), Handler: echo})
		for _, call := range []amqprpc.Call{{Key: w.queue("nobody")}, {Exchange: w.queue("nowhere")}, {Key: w.queue("nobody")}} {
			if _, err := conn.Call(w.Context(), call); !errors.Is(err, amqprpc.ErrUnroutable) {
				w.Errorf("%+v: %v", call, err)
			}
			if _, err := w.call(conn, w.queue("echo"), ""); err != nil {
				w.Errorf("after %+v: %v", call, err)
			}
		}
	})
}

func TestCallEndsWithItsContext(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		ctx, cancel := context.WithCancelCause(w.Context())
		mind := errors.New("changed my mind")
		w.serve(conn, amqprpc.Server{Queue: w.queue("deaf"), Handler: func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
			cancel(mind)
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		_, err := conn.Call(ctx, amqprpc.Call{Key: w.queue("deaf")})
		if !errors.Is(err, context.Canceled) || !errors.Is(err, mind) {
			w.Error(err)
		}
	})
}

func TestInvalidMessagesAreRefusedBeforeTheyHarmTheConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, long := w.connect(w.config()), string(make([]byte, 256))
		w.serve(conn, amqprpc.Server{Queue: w.queue("echo"), Handler: echo})
		for name, call := range map[string]amqprpc.Call{
			"key":         {Key: long},
			"exchange":    {Exchange: long},
			"content":     {ContentType: long},
			"header name": {Headers: amqp.Table{"a": []any{amqp.Table{long: 1}}}},
			"header type": {Headers: amqp.Table{"a": struct{}{}}},
			"header size": {Headers: amqp.Table{"a": make([]byte, 1<<17)}},
			"UTF-8":       {Key: "\xff"},
		} {
			if _, err := conn.Call(w.Context(), call); !errors.Is(err, amqprpc.ErrInvalid) {
				w.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.call(conn, w.queue("echo"), ""); err != nil {
			w.Error(err)
		}
	})
}

func TestCloseEndsCallsAndServers(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		s := w.serve(conn, amqprpc.Server{Queue: w.queue("deaf"), Handler: func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
			go conn.Close()
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if _, err := w.call(conn, w.queue("deaf"), ""); !errors.Is(err, amqprpc.ErrClosed) {
			w.Errorf("call: %v", err)
		}
		if err := <-s.done; !errors.Is(err, amqprpc.ErrClosed) {
			w.Errorf("serve: %v", err)
		} else {
			s.done <- err
		}
		if _, err := w.call(conn, w.queue("deaf"), ""); !errors.Is(err, amqprpc.ErrClosed) {
			w.Errorf("call afterwards: %v", err)
		}
	})
}

func TestSentMessageHasNoReply(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, got := w.connect(w.config()), make(chan string, 1)
		w.serve(conn, amqprpc.Server{Queue: w.queue("sink"), Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
			got <- string(r.Body)
			return nil, errors.New("nobody hears this")
		}})
		if err := conn.Send(w.Context(), amqprpc.Message{Key: w.queue("sink"), Body: []byte("note")}); err != nil {
			w.Fatal(err)
		}
		if body := <-got; body != "note" {
			w.Error(body)
		}
	})
}
