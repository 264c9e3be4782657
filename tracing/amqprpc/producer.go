package amqprpc

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// outgoing is a message on its way to the broker. Whoever hands it over leaves
// it to the producer until it is finished.
type outgoing struct {
	exchange, key string
	// call says that a reply is expected: the message is mandatory, and the
	// outcome goes to the waiter of its correlation ID.
	call bool
	sent chan error // has room for it; nil for a call
	msg  amqp.Publishing
}

// errUnsent says that nothing of a message has reached the broker, because the
// session had ended already. The next one may take it.
var errUnsent = errors.New("not sent")

// produce sends what is handed over, for as long as the session lasts. It owns
// the channels on which messages are sent, so nobody else ever waits for a
// broker that does not read. While the broker asks for mercy it takes nothing
// up, so that those who wait can still give up unsent.
func (c *Conn) produce(ctx context.Context, s *session, conn *amqp.Connection, blocked <-chan amqp.Blocking) error {
	lanes := make(map[string]*lane)
	outbox := c.outbox
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b, ok := <-blocked:
			switch {
			case !ok:
				return ErrConnectionLost
			case b.Active:
				outbox = nil
			default:
				outbox = c.outbox
			}
		case m := <-outbox:
			if err := c.send(m, s, conn, lanes); err != nil {
				return err
			}
		}
	}
}

// send sends one message and finishes it, unless it is a call on its way. An
// error ends the session.
func (c *Conn) send(m *outgoing, s *session, conn *amqp.Connection, lanes map[string]*lane) error {
	l, err := c.lane(m.exchange, s, conn, lanes)
	if err != nil {
		c.finish(m, errUnsent)
		return err
	}
	if m.call {
		if !c.calls.sent(m.msg.CorrelationId, l) {
			return nil // given up meanwhile
		}
		m.msg.ReplyTo = s.replyTo
	}
	const immediate = false
	err = l.Publish(m.exchange, m.key, m.call, immediate, m.msg)
	switch {
	case errors.Is(err, amqp.ErrClosed):
		c.finish(m, errUnsent)
	case err != nil:
		c.finish(m, fmt.Errorf("%w: %w", ErrConnectionLost, err))
	case !m.call:
		c.finish(m, nil)
	}
	return nil
}

// finish gives a message back to whoever handed it over.
func (c *Conn) finish(m *outgoing, err error) {
	if m.call {
		c.calls.settle(m.msg.CorrelationId, outcome{err: err})
		return
	}
	m.sent <- err
}

// lane is a channel for the messages to one exchange. The broker closes the
// channel when it refuses one of them, say because there is no such exchange,
// and forgets those behind it; apart from each other, no exchange can hurt the
// calls to another.
type lane struct {
	*amqp.Channel
	session  *session
	exchange string
	returns  chan amqp.Return
	closes   chan *amqp.Error
}

// lane returns the lane to an exchange, a new one if there is none or the
// broker has closed it.
func (c *Conn) lane(exchange string, s *session, conn *amqp.Connection, lanes map[string]*lane) (*lane, error) {
	if l := lanes[exchange]; l != nil && !l.IsClosed() {
		return l, nil
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("open channel: %w", err)
	}
	l := &lane{
		Channel: ch, session: s, exchange: exchange,
		returns: ch.NotifyReturn(make(chan amqp.Return, 16)),
		closes:  ch.NotifyClose(make(chan *amqp.Error, 1)),
	}
	lanes[exchange] = l
	c.running.Go(func() { c.watch(l) })
	return l, nil
}

// watch tells calls that their request came back or that their lane is closed,
// until then.
func (c *Conn) watch(l *lane) {
	for r := range l.returns {
		c.calls.settle(r.CorrelationId, outcome{err: fmt.Errorf("%w: %s", ErrUnroutable, r.ReplyText)})
	}
	err := ErrConnectionLost
	if reason := <-l.closes; reason != nil && reason.Server {
		err = refusal(reason)
		c.cfg.Log.Warn("broker refuses to publish", "exchange", l.exchange, "error", reason)
	}
	c.calls.interrupt(func(other *lane) bool { return l == other }, err)
}

// refusal is what a channel that the broker closed means for those who
// published on it.
func refusal(reason *amqp.Error) error {
	if reason.Code == amqp.NotFound {
		return fmt.Errorf("%w: %w", ErrUnroutable, reason)
	}
	return fmt.Errorf("publish: %w", reason)
}
