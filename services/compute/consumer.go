package compute

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// sharedFor is how long, in milliseconds, a shared queue outlives its last
// consumer.
const sharedFor = 3_600_000

// consumer takes requests from the shared queue, one at a time, and hands each
// to the server process of its ID.
type consumer struct {
	*replica
	name string
}

// Serve implements suture.Service.
func (c *consumer) Serve(ctx context.Context) error {
	process := c.Agent.Process(c.name)
	defer process.Stop()
	return c.conn.Serve(ctx, amqprpc.Server{
		Queue: c.Service.Queue(), Declare: c.declare, Process: process, Prefetch: 1, Handler: c.handOver,
	})
}

func (c *consumer) declare(ch *amqp.Channel) error {
	_, err := ch.QueueDeclare(c.Service.Queue(), true, false, false, false, amqp.Table{"x-expires": int32(sharedFor)})
	if err == nil {
		c.Hooks.Started(c.name)
	}
	return err
}

// handOver blocks the consumer until the server process has answered. When it
// does not in time, nobody is answered and the consumer goes on.
func (c *consumer) handOver(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
	id, err := decode(r.Body)
	if err != nil {
		return nil, err
	}
	if !validID(id) {
		return nil, ErrUnknownID
	}
	answer, err := c.producer.ask(ctx, c.name, c.Service.Server(id), id)
	switch {
	case errors.Is(err, amqprpc.ErrTimeout):
		c.Log.WarnContext(ctx, "hand over", "process", c.name, "error", err)
		return nil, amqprpc.ErrNoAnswer
	case errors.Is(err, amqprpc.ErrUnroutable):
		return nil, ErrUnavailable
	case err != nil:
		return nil, outbound(err)
	}
	return encode(answer), nil
}

// String names the consumer to its supervisor.
func (c *consumer) String() string { return c.name }
