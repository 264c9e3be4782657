package amqprpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Channel runs use with a channel of its own on the connection that consumes,
// for what is no call: a queue that is a name, a message that is a lock. It
// waits for a connection while there is none. The context of use ends with the
// channel, with ErrConnectionLost as its cause, and use must return then. The
// channel is closed when use has returned: what was delivered on it and not
// acknowledged is back in its queue when Channel returns.
//
// Nothing is built anew: whoever needs the channel again calls again. Publish
// with Send, since a broker that blocks publishers blocks their connection.
func (c *Conn) Channel(ctx context.Context, use func(ctx context.Context, ch *amqp.Channel) error) error {
	s, err := c.sessions.await(ctx, nil, c.closing)
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	ch, err := s.consume.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", s.lost(err))
	}
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if reason := <-closes; reason != nil { // not by our own Close
			cancel(fmt.Errorf("%w: %w", ErrConnectionLost, reason))
		}
		cancel(ErrConnectionLost)
	}()
	err = use(ctx, ch)
	_ = ch.Close() // fails if it is lost already
	<-watched
	return s.lost(err)
}

// lost makes an error ErrConnectionLost if it came of that.
func (s *session) lost(err error) error {
	if err != nil && !errors.Is(err, ErrConnectionLost) && (s.consume.IsClosed() || errors.Is(err, amqp.ErrClosed) || broken(err)) {
		return fmt.Errorf("%w: %w", ErrConnectionLost, err)
	}
	return err
}

// broken reports whether an error is that of the transport, which the
// connection may not have noticed yet. The end of a context looks like one.
func broken(err error) bool {
	var failed net.Error
	return errors.As(err, &failed) && !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, io.EOF)
}
