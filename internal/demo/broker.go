package demo

import (
	"context"
	"errors"
	"fmt"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/amqpsession"
	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// Broker is a message broker in this OS process, on a loopback port of its own.
type Broker struct {
	URL    string
	broker *minibroker.Broker
	served chan error
}

// StartBroker starts one.
func StartBroker(ctx context.Context) (*Broker, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	b := &Broker{URL: fmt.Sprintf("amqp://guest:guest@%v/", l.Addr()), broker: minibroker.New(), served: make(chan error, 1)}
	go func() { b.served <- b.broker.Serve(l) }()
	return b, nil
}

// Close stops the broker and waits until it is gone.
func (b *Broker) Close() error {
	return errors.Join(b.broker.Close(), <-b.served)
}

// sweep deletes the shared queues that an earlier system has left on the
// broker, so that no request of it is answered by this one. It refuses to go
// where another system is running.
func (d *demo) sweep() error {
	conn, err := d.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, queue := range d.example.Queues {
		ch, err := conn.Channel()
		if err != nil {
			return fmt.Errorf("open channel: %w", err)
		}
		const ifUnused, ifEmpty, noWait = true, false, false
		var refused *amqp.Error
		switch _, err := ch.QueueDelete(queue, ifUnused, ifEmpty, noWait); {
		case errors.As(err, &refused) && refused.Code == amqp.PreconditionFailed:
			return fmt.Errorf("somebody consumes %s on this broker already: stop that system first", queue)
		case err != nil:
			return fmt.Errorf("delete queue %s: %w", queue, err)
		}
	}
	return nil
}

func (d *demo) dial() (*amqp.Connection, error) {
	conn, err := amqp.DialConfig(d.URL, amqp.Config{Dial: d.Dial})
	if err != nil {
		return nil, fmt.Errorf("reach the broker at %s: %w", amqpsession.Redact(d.URL), err)
	}
	return conn, nil
}
