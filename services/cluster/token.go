package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

const (
	// disused is how long, in milliseconds, a queue of the cluster outlives
	// its last user.
	disused = 3_600_000
	// promptly is within what time a token comes if nobody is in front.
	promptly = 20 * time.Millisecond
	// again is how long to wait before something is tried again that the
	// loss of a connection has interrupted.
	again = 50 * time.Millisecond
)

// token is one that the broker has given us. It ends when we give it back, and
// when the connection is lost.
type token struct {
	giveBack context.CancelFunc
	ended    <-chan struct{} // closed once somebody else can have it
}

// release gives the token back, to whoever is next.
func (t *token) release() {
	t.giveBack()
	<-t.ended
}

// acquire waits for the token of a queue until ctx ends. A lost connection costs
// the place in the queue and no more. Unless the token is there promptly,
// acquire says so by calling waiting before it waits, maybe more than once.
func (n *Node) acquire(ctx context.Context, queue string, waiting func()) (t *token, err error) {
	err = retry(ctx, func() error {
		t, err = n.tryAcquire(ctx, queue, waiting)
		return err
	})
	return t, err
}

// retry runs f until something else than a lost connection ends it.
func retry(ctx context.Context, f func() error) error {
	for {
		if err := f(); !errors.Is(err, amqprpc.ErrConnectionLost) {
			return err
		}
		if err := pause.For(ctx, again); err != nil {
			return err
		}
	}
}

func (n *Node) tryAcquire(ctx context.Context, queue string, waiting func()) (*token, error) {
	life, giveBack := context.WithCancel(context.WithoutCancel(ctx))
	got, ended := make(chan struct{}), make(chan struct{})
	var failed error // why there was no token; written before ended is closed
	go func() {
		defer close(ended)
		failed = n.conn.Channel(life, func(ctx context.Context, ch *amqp.Channel) error {
			if err := n.take(ctx, ch, queue, waiting); err != nil {
				return err
			}
			close(got)
			<-ctx.Done()
			return nil
		})
	}()
	t := &token{giveBack: giveBack, ended: ended}
	select {
	case <-got:
		return t, nil
	case <-ended: // maybe just after it came
		giveBack()
		return nil, fmt.Errorf("wait for %s: %w", queue, cmp.Or(failed, amqprpc.ErrConnectionLost))
	case <-ctx.Done():
		t.release()
		return nil, fmt.Errorf("wait for %s: %w", queue, context.Cause(ctx))
	}
}

// take waits on a channel for the token of a queue, which it holds then until
// the channel is closed.
func (n *Node) take(ctx context.Context, ch *amqp.Channel, queue string, waiting func()) error {
	const durable, autoDelete, exclusive, noLocal, noWait, autoAck = true, false, false, false, false, false
	q, err := ch.QueueDeclare(queue, durable, autoDelete, exclusive, noWait, amqp.Table{
		"x-single-active-consumer": true, "x-max-length": int32(1), "x-expires": int32(disused),
	})
	if err != nil {
		return fmt.Errorf("declare token: %w", err)
	}
	if err := ch.Qos(1, 0, false); err != nil {
		return fmt.Errorf("set prefetch: %w", err)
	}
	deliveries, err := ch.Consume(queue, "", autoAck, exclusive, noLocal, noWait, nil)
	if err != nil {
		return fmt.Errorf("consume token: %w", err)
	}
	if err := n.conn.Send(ctx, amqprpc.Message{Key: queue}); err != nil {
		return fmt.Errorf("publish token: %w", err)
	}
	if q.Consumers == 0 {
		if timer := time.NewTimer(promptly); arrived(ctx, deliveries, timer.C) {
			timer.Stop()
			return context.Cause(ctx)
		}
	}
	waiting()
	arrived(ctx, deliveries, nil)
	return context.Cause(ctx)
}

// arrived waits for a delivery or the end of ctx. It returns false if time ran
// out before.
func arrived(ctx context.Context, deliveries <-chan amqp.Delivery, timeout <-chan time.Time) bool {
	select {
	case _, ok := <-deliveries:
		if !ok {
			<-ctx.Done() // the channel is closed
		}
		return true
	case <-ctx.Done():
		return true
	case <-timeout:
		return false
	}
}
