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
	// call says that somebody waits for what becomes of it: the message is
	// mandatory, and the outcome goes to the waiter of its correlation ID.
	call bool
	// confirmed says that the outcome is the broker's own confirmation, instead
	// of a reply.
	confirmed bool
	sent      chan error // has room for it; nil for a call
	msg       amqp.Publishing
}

// errUnsent says that nothing of a message has reached the broker. If that is
// because the session had ended already, the next one may take it.
var errUnsent = errors.New("not sent")

// produce sends what is handed over, for as long as the session lasts. It owns
// the channels on which messages are sent, so nobody else ever waits for a
// broker that does not read. While the broker asks for mercy it takes nothing
// up, so that those who wait can still give up unsent.
func (c *Conn) produce(ctx context.Context, s *session, conn *amqp.Connection, blocked <-chan amqp.Blocking) error {
	lanes := make(map[route]*lane)
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
func (c *Conn) send(m *outgoing, s *session, conn *amqp.Connection, lanes map[route]*lane) error {
	l, err := c.lane(route{m.exchange, m.confirmed}, s, conn, lanes)
	if err != nil {
		c.finish(m, errUnsent)
		return err
	}
	if m.call {
		if !c.calls.sent(m.msg.CorrelationId, l) {
			return nil // given up meanwhile
		}
	}
	switch {
	case m.confirmed:
		l.unconfirmed.add(m.msg.CorrelationId)
	case m.call:
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

// route is what messages on one lane have in common.
type route struct {
	exchange  string
	confirmed bool
}

// lane is a channel for the messages of one route. The broker closes the
// channel when it refuses one of them, say because there is no such exchange,
// and forgets those behind it; apart from each other, no exchange can hurt the
// calls to another.
type lane struct {
	*amqp.Channel
	session  *session
	route    route
	returns  chan amqp.Return
	confirms chan amqp.Confirmation // nil unless messages are confirmed
	closes   chan *amqp.Error

	unconfirmed unconfirmed
}

// lane returns the lane of a route, a new one if there is none or the broker has
// closed it.
func (c *Conn) lane(to route, s *session, conn *amqp.Connection, lanes map[route]*lane) (*lane, error) {
	if l := lanes[to]; l != nil && !l.IsClosed() {
		return l, nil
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("open channel: %w", err)
	}
	l := &lane{
		Channel: ch, session: s, route: to,
		returns: ch.NotifyReturn(make(chan amqp.Return, 16)),
		closes:  ch.NotifyClose(make(chan *amqp.Error, 1)),
	}
	if to.confirmed {
		l.confirms = ch.NotifyPublish(make(chan amqp.Confirmation, 16))
		if err := ch.Confirm(false); err != nil {
			return nil, fmt.Errorf("ask for confirmations: %w", err)
		}
	}
	lanes[to] = l
	c.running.Go(func() { c.watch(l) })
	return l, nil
}

// watch tells those who wait that their message came back or was confirmed, or
// that their lane is closed, until then.
func (c *Conn) watch(l *lane) {
	for open := true; open; {
		select {
		case r, ok := <-l.returns:
			if open = ok; ok {
				c.returned(&r)
			}
		case k, ok := <-l.confirms:
			if open = ok; ok {
				c.confirmed(l, k)
			}
		}
	}
	err := ErrConnectionLost
	if reason := <-l.closes; reason != nil && reason.Server {
		err = refusal(reason)
		c.cfg.Log.Warn("broker refuses to publish", "exchange", l.route.exchange, "error", reason)
	}
	c.calls.interrupt(func(other *lane) bool { return l == other }, err)
}

func (c *Conn) returned(r *amqp.Return) {
	c.calls.settle(r.CorrelationId, outcome{err: fmt.Errorf("%w: %s", ErrUnroutable, r.ReplyText)})
}

// refusal is what a channel that the broker closed means for those who
// published on it.
func refusal(reason *amqp.Error) error {
	if reason.Code == amqp.NotFound {
		return fmt.Errorf("%w: %w", ErrUnroutable, reason)
	}
	return fmt.Errorf("publish: %w", reason)
}
