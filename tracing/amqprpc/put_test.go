package amqprpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// bounded runs a test with a queue that has space for so many messages.
func (w *world) bounded(conn *amqprpc.Conn, space int, test func(ctx context.Context, ch *amqp.Channel, queue string) error) {
	w.Helper()
	err := conn.Channel(w.Context(), func(ctx context.Context, ch *amqp.Channel) error {
		name := w.queue("bounded")
		args := amqp.Table{"x-max-length": int32(space), "x-overflow": "reject-publish"}
		if _, err := ch.QueueDeclare(name, false, false, true, false, args); err != nil {
			return err
		}
		return test(ctx, ch, name)
	})
	if err != nil {
		w.Error(err)
	}
}

// Put waits while the queue is full, seen as a wait for space, and no longer.
func TestPutWaitsForSpace(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn := w.connect(w.observed(agent))
		w.bounded(conn, 2, func(ctx context.Context, ch *amqp.Channel, queue string) error {
			ctx = tracing.WithProcess(ctx, agent.Process("engine"))
			for _, body := range []string{"1", "2"} {
				if err := conn.Put(ctx, amqprpc.Message{Key: queue, Body: []byte(body)}); err != nil {
					return err
				}
			}
			if s := reported(agent); len(s) > 0 {
				t.Errorf("reported, with space left: %+v", s)
			}
			done := make(chan error, 1)
			go func() { done <- conn.Put(ctx, amqprpc.Message{Key: queue, Body: []byte("3")}) }()
			<-agent.Wake()
			s := process(reported(agent), "engine")
			if len(s.Waits) != 1 || s.Waits[0].Kind != report.Buffer || s.Waits[0].Destination != (report.Destination{Key: queue}) {
				t.Errorf("reported: %+v", s)
			}
			w.until("a refusal", func() bool {
				s := process(reported(agent), "engine")
				return len(s.Waits) == 1 && s.Waits[0].Refusals > 0
			})
			for _, want := range []string{"1", "2", "3"} {
				var d amqp.Delivery
				w.until("message "+want, func() (ok bool) {
					var err error
					if d, ok, err = get(ch, queue); err != nil {
						t.Error(err)
					}
					return ok
				})
				if string(d.Body) != want {
					t.Errorf("took %s, want %s", d.Body, want)
				}
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			return nil
		})
	})
}

// get takes one message, if there is one.
func get(ch *amqp.Channel, queue string) (d amqp.Delivery, ok bool, err error) {
	if err := ch.Qos(1, 0, false); err != nil {
		return d, false, err
	}
	deliveries, err := ch.Consume(queue, "get", false, false, false, false, nil)
	if err != nil {
		return d, false, err
	}
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case d = <-deliveries:
		ok = true
	case <-timer.C:
	}
	if err := ch.Cancel("get", false); err != nil {
		return d, ok, err
	}
	for late := range deliveries { // one at most
		d, ok = late, true
	}
	if ok {
		err = d.Ack(false)
	}
	return d, ok, err
}

func TestPutGivesUp(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn := w.connect(w.observed(agent))
		w.bounded(conn, 0, func(ctx context.Context, _ *amqp.Channel, queue string) error {
			ctx, cancel := context.WithTimeout(ctx, w.timeout)
			defer cancel()
			process := agent.Process("engine")
			if err := conn.Put(tracing.WithProcess(ctx, process), amqprpc.Message{Key: queue}); !errors.Is(err, amqprpc.ErrTimeout) {
				t.Errorf("Put on a queue without space: %v", err)
			}
			return nil
		})
		if b := agent.Heartbeat(); b.Heartbeat == nil || b.Heartbeat.Digest != (report.Digest{}) {
			t.Errorf("it is blocked still: %+v", b)
		}
	})
}

func TestPutToNobody(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		for range 20 {
			if err := conn.Put(w.Context(), amqprpc.Message{Key: w.queue("nowhere")}); !errors.Is(err, amqprpc.ErrUnroutable) {
				t.Fatalf("Put to no queue: %v", err)
			}
		}
		if err := conn.Put(w.Context(), amqprpc.Message{Exchange: w.queue("nowhere")}); !errors.Is(err, amqprpc.ErrUnroutable) {
			t.Errorf("Put to no exchange: %v", err)
		}
		if err := conn.Put(w.Context(), amqprpc.Message{Key: "\xff"}); !errors.Is(err, amqprpc.ErrInvalid) {
			t.Errorf("Put to a name that is none: %v", err)
		}
	})
}

// A connection that is lost leaves nobody's Put without an end.
func TestPutOverALostConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		cfg, network := w.through(w.config())
		conn := w.connect(cfg)
		err := w.connect(w.config()).Channel(w.Context(), func(ctx context.Context, ch *amqp.Channel) error {
			name := w.queue("shared")
			args := amqp.Table{"x-max-length": int32(0), "x-overflow": "reject-publish", "x-expires": int32(60_000)}
			if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(ctx)
			done := make(chan error, 1)
			go func() { done <- conn.Put(ctx, amqprpc.Message{Key: name}) }()
			network.Cut()
			network.Mend()
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, amqprpc.ErrConnectionLost) {
				t.Errorf("Put: %v", err)
			}
			_, err := ch.QueueDelete(name, false, false, false)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
