package amqprpc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

var errBroken = errors.New("broken")

// A crash answers nobody, takes the mailbox along, and frees the name.
func TestCrashLosesMailbox(t *testing.T) {
	for name, crash := range map[string]func() error{
		"returned": func() error { return amqprpc.Crash(errBroken) },
		"panic":    func() error { panic(errBroken) },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				conn, queue := w.connect(w.config()), w.queue("brittle")
				handled, mailbox := make(chan string, 10), make(chan struct{})
				srv := amqprpc.Server{Queue: queue, Prefetch: 10, Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
					handled <- string(r.Body)
					if string(r.Body) == "crash" {
						<-mailbox
						return nil, crash()
					}
					return nil, nil
				}}
				first := w.serve(conn, srv)
				call := func(body string, timeout time.Duration) error {
					_, err := conn.Call(w.Context(), amqprpc.Call{Key: queue, Body: []byte(body), Timeout: timeout})
					return err
				}
				var calls sync.WaitGroup
				calls.Go(func() {
					if err := call("crash", w.timeout); !errors.Is(err, amqprpc.ErrTimeout) {
						w.Errorf("the call that crashes: %v", err)
					}
				})
				<-handled
				calls.Go(func() {
					if err := call("behind", w.timeout); !errors.Is(err, amqprpc.ErrTimeout) {
						w.Errorf("the call behind: %v", err)
					}
				})
				calls.Wait()
				close(mailbox)
				err := <-first.done
				first.done <- err
				var panicked *amqprpc.PanicError
				if name == "panic" && !errors.As(err, &panicked) || name != "panic" && !errors.Is(err, errBroken) {
					w.Errorf("serve: %v", err)
				}
				w.serve(conn, srv)
				if err := call("again", -1); err != nil {
					w.Errorf("after the restart: %v", err)
				}
				if got := <-handled; got != "again" {
					w.Errorf("%q survived the crash", got)
				}
			})
		})
	}
}

// A consumer of a shared queue that crashes leaves what it did not begin to
// others; what it did begin is never delivered again.
func TestCrashOnSharedQueueLeavesTheRestToOthers(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, queue := w.connect(w.config()), w.queue("shared")
		begun, crash := make(chan string, 10), make(chan struct{})
		first := w.serve(conn, amqprpc.Server{Queue: queue, Declare: shared(queue), Prefetch: 10, Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
			begun <- string(r.Body)
			<-crash
			return nil, amqprpc.Crash(errBroken)
		}})
		for _, body := range []string{"one", "two"} {
			if err := conn.Send(w.Context(), amqprpc.Message{Key: queue, Body: []byte(body)}); err != nil {
				w.Fatal(err)
			}
		}
		<-begun
		close(crash)
		if err := <-first.done; !errors.Is(err, errBroken) {
			w.Error(err)
		}
		first.done <- nil
		w.serve(conn, amqprpc.Server{Queue: queue, Declare: shared(queue), Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
			begun <- string(r.Body)
			if !r.Redelivered {
				w.Errorf("%q is not flagged as redelivered", r.Body)
			}
			return nil, nil
		}})
		if got := <-begun; got != "two" {
			w.Errorf("%q was delivered again", got)
		}
	})
}

func TestNoAnswer(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		w.serve(conn, amqprpc.Server{Queue: w.queue("mute"), Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
			if string(r.Body) == "speak" {
				return r.Body, nil
			}
			return nil, amqprpc.ErrNoAnswer
		}})
		_, err := conn.Call(w.Context(), amqprpc.Call{Key: w.queue("mute"), Timeout: w.timeout})
		if !errors.Is(err, amqprpc.ErrTimeout) {
			w.Errorf("unanswered: %v", err)
		}
		if got, err := w.call(conn, w.queue("mute"), "speak"); got != "speak" || err != nil {
			w.Errorf("then %q, %v", got, err)
		}
	})
}

func TestEarlyReplyEndsTheCallBeforeTheHandler(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, answered := w.connect(w.config()), make(chan struct{})
		handled := make(chan error, 1)
		w.serve(conn, amqprpc.Server{Queue: w.queue("early"), Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if err := r.Reply(ctx, []byte("early")); err != nil {
				w.Error(err)
			}
			<-answered
			handled <- r.Reply(ctx, []byte("twice"))
			return []byte("late"), errors.New("nobody hears this")
		}})
		if got, err := w.call(conn, w.queue("early"), ""); got != "early" || err != nil {
			w.Errorf("%q, %v", got, err)
		}
		close(answered)
		if err := <-handled; !errors.Is(err, amqprpc.ErrAnswered) {
			w.Error(err)
		}
	})
}

func TestNameIsTakenUntilItsHolderLeaves(t *testing.T) {
	everywhere(t, func(w *world) {
		here, there := w.connect(w.config()), w.connect(w.config())
		name := func(answer string) amqprpc.Server {
			return amqprpc.Server{Queue: w.queue("name"), Handler: func(context.Context, *amqprpc.Request) ([]byte, error) {
				return []byte(answer), nil
			}}
		}
		holder := w.serve(here, name("here"))
		rival := w.serve(there, name("there"))
		if err := <-rival.done; !errors.Is(err, amqprpc.ErrTaken) {
			w.Fatalf("rival: %v", err)
		}
		rival.done <- nil
		if got, err := w.call(there, w.queue("name"), ""); got != "here" || err != nil {
			w.Errorf("%q, %v", got, err)
		}
		if err := holder.stop(); !errors.Is(err, context.Canceled) {
			w.Errorf("holder: %v", err)
		}
		w.serve(there, name("there"))
		if got, err := w.call(here, w.queue("name"), ""); got != "there" || err != nil {
			w.Errorf("after the takeover %q, %v", got, err)
		}
	})
}

func TestRefusalsEndServing(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		for name, srv := range map[string]amqprpc.Server{
			"no handler":     {Queue: "q"},
			"no name":        {Handler: echo},
			"no such queue":  {Queue: w.queue("nobody"), Handler: echo},
			"reserved":       {Queue: w.queue("q"), Handler: echo, Declare: exclusive("amq.reserved")},
			"own complaint":  {Queue: w.queue("q"), Handler: echo, Declare: func(*amqp.Channel) error { return errBroken }},
			"large prefetch": {Queue: w.queue("q"), Handler: echo, Prefetch: 1 << 16},
		} {
			if err := conn.Serve(w.Context(), srv); err == nil || errors.Is(err, amqprpc.ErrTaken) {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestDeletedQueueIsDeclaredAnew(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, queue := w.connect(w.config()), w.queue("fragile")
		declared := make(chan struct{}, 10)
		w.serve(conn, amqprpc.Server{Queue: queue, Handler: echo, Declare: func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-expires": int32(60_000)})
			declared <- struct{}{}
			return err
		}})
		<-declared
		if _, err := w.call(conn, queue, ""); err != nil {
			w.Fatal(err)
		}
		w.deleteQueue(queue)
		<-declared
		if got, err := w.call(conn, queue, "again"); got != "again" || err != nil {
			w.Errorf("%q, %v", got, err)
		}
	})
}

func TestPerRequestHandlesTogetherWhatSerialHandlesInTurn(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, queue := w.connect(w.config()), w.queue("meeting")
		meeting := make(chan struct{})
		w.serve(conn, amqprpc.Server{Queue: queue, Prefetch: 2, PerRequest: true, Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
			if string(r.Body) == "crash" {
				panic("alone")
			}
			select {
			case meeting <- struct{}{}:
			case <-meeting:
			}
			return r.Body, nil
		}})
		call := func(body string, timeout time.Duration) amqprpc.Call {
			return amqprpc.Call{Key: queue, Body: []byte(body), Timeout: timeout}
		}
		if _, err := conn.Call(w.Context(), call("crash", w.timeout)); !errors.Is(err, amqprpc.ErrTimeout) {
			w.Error(err)
		}
		if _, err := conn.Gather(w.Context(), tracing.All, call("a", -1), call("b", -1)); err != nil {
			w.Errorf("after the crash of a request: %v", err)
		}
	})
}

func TestHeadersOfAnyTypeDoNoHarm(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		w.serve(conn, amqprpc.Server{Queue: w.queue("echo"), Handler: echo})
		for _, v := range []any{
			nil, true, int64(1), 1.5, "\xff;;,%zz",
			[]byte{0xff},
			[]any{"a", nil},
			amqp.Table{"deep": amqp.Table{}},
			amqp.Decimal{Scale: 1, Value: 2},
			string(make([]byte, 30_000)),
		} {
			for _, key := range []string{"traceparent", "tracestate", "baggage", "waitgraph-chain"} {
				reply, err := rawCall(w, w.queue("echo"), amqp.Table{key: v})
				if err != nil || reply != "raw" {
					w.Errorf("%s = %T: %q, %v", key, v, reply, err)
				}
			}
		}
		if _, err := w.call(conn, w.queue("echo"), ""); err != nil {
			w.Error(err)
		}
	})
}

// rawCall calls without this package, as a foreign peer does.
func rawCall(w *world, queue string, headers amqp.Table) (string, error) {
	conn, err := amqp.DialConfig(w.URL, amqp.Config{Dial: w.Dial})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return "", err
	}
	replies, err := ch.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	if err != nil {
		return "", err
	}
	err = ch.Publish("", queue, false, false, amqp.Publishing{Headers: headers, ReplyTo: "amq.rabbitmq.reply-to", CorrelationId: "1", Body: []byte("raw")})
	if err != nil {
		return "", err
	}
	select {
	case d := <-replies:
		return string(d.Body), nil
	case <-w.Context().Done():
		return "", w.Context().Err()
	}
}
