package amqprpc_test

import (
	"context"
	"errors"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// What was delivered on a borrowed channel is back in its queue when Channel
// returns.
func TestChannelGivesBack(t *testing.T) {
	everywhere(t, func(w *world) {
		conn := w.connect(w.config())
		name := "borrowed" + w.suffix
		for round := range 2 {
			err := conn.Channel(w.Context(), func(ctx context.Context, ch *amqp.Channel) error {
				if _, err := ch.QueueDeclare(name, false, false, true, false, nil); err != nil {
					return err
				}
				q, err := ch.QueueDeclarePassive(name, false, false, true, false, nil)
				if err != nil {
					return err
				}
				if q.Messages != round {
					t.Errorf("%d messages in round %d", q.Messages, round)
				}
				if round == 0 {
					if err := conn.Send(ctx, amqprpc.Message{Key: name}); err != nil {
						return err
					}
				}
				deliveries, err := ch.Consume(name, "", false, false, false, false, nil)
				if err != nil {
					return err
				}
				<-deliveries
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestChannelEndsWithItsConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		cfg, network := w.through(w.config())
		conn := w.connect(cfg)
		err := conn.Channel(w.Context(), func(ctx context.Context, _ *amqp.Channel) error {
			network.Cut()
			network.Mend()
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if !errors.Is(err, amqprpc.ErrConnectionLost) {
			t.Errorf("use saw %v", err)
		}
		w.until("a channel on the next connection", func() bool {
			return conn.Channel(w.Context(), func(context.Context, *amqp.Channel) error { return nil }) == nil
		})
		refused := conn.Channel(w.Context(), func(ctx context.Context, ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive("absent"+w.suffix, false, false, false, false, nil)
			<-ctx.Done()
			return err
		})
		if reason := new(amqp.Error); !errors.As(refused, &reason) || reason.Code != amqp.NotFound {
			t.Errorf("refused with %v", refused)
		}
		conn.Close()
		if err := conn.Channel(w.Context(), nil); !errors.Is(err, amqprpc.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A network that fails while a server is built does not end it.
func TestServerSurvivesACutWhileItIsBuilt(t *testing.T) {
	everywhere(t, func(w *world) {
		cfg, network := w.through(w.config())
		conn := w.connect(cfg)
		name, built := "cut"+w.suffix, 0
		go func() {
			_ = conn.Serve(w.Context(), amqprpc.Server{
				Queue: name,
				Declare: func(ch *amqp.Channel) error {
					_, err := ch.QueueDeclare(name, false, true, true, false, nil)
					if built++; built < 4 {
						network.Cut()
						network.Mend()
					}
					return err
				},
				Handler: func(context.Context, *amqprpc.Request) ([]byte, error) { return nil, nil },
			})
		}()
		w.until("the server answers", func() bool {
			_, err := conn.Call(w.Context(), amqprpc.Call{Key: name})
			return err == nil
		})
	})
}
