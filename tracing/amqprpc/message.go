package amqprpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Message is something to send that nobody replies to.
type Message struct {
	Exchange    string // empty: the default exchange, where Key names a queue
	Key         string
	Body        []byte
	ContentType string
	Headers     amqp.Table // more headers; not modified
}

const (
	maxShort   = 255      // bytes of a short string of the protocol; a longer one ends the connection
	maxHeaders = 64 << 10 // bytes of headers; a message whose headers exceed a frame ends the connection
)

func (m *Message) validate() error {
	switch {
	case len(m.Exchange) > maxShort, len(m.Key) > maxShort, len(m.ContentType) > maxShort:
		return fmt.Errorf("%w: exchange, key or content type of more than %d bytes", ErrInvalid, maxShort)
	case !utf8.ValidString(m.Exchange), !utf8.ValidString(m.Key):
		return fmt.Errorf("%w: exchange or key that is not UTF-8", ErrInvalid)
	}
	if err := m.Headers.Validate(); err != nil {
		return fmt.Errorf("%w: headers: %w", ErrInvalid, err)
	}
	_, err := headerSize(m.Headers)
	return err
}

// headerSize returns about how many bytes a header takes on the wire, or an
// error if it is one that cannot be sent.
func headerSize(v any) (size int, err error) {
	switch v := v.(type) {
	case string:
		size = len(v)
	case []byte:
		size = len(v)
	case []any:
		for _, e := range v {
			n, err := headerSize(e)
			if err != nil {
				return 0, err
			}
			size += n
		}
	case amqp.Table:
		for k, e := range v {
			if len(k) > maxShort {
				return 0, fmt.Errorf("%w: header name of %d bytes", ErrInvalid, len(k))
			}
			n, err := headerSize(e)
			if err != nil {
				return 0, err
			}
			size += len(k) + n
		}
	}
	if size += 10; size > maxHeaders {
		return 0, fmt.Errorf("%w: headers of more than %d bytes", ErrInvalid, maxHeaders)
	}
	return size, nil
}

// outgoing returns the message with copies of everything that the caller
// could change.
func (m *Message) outgoing() *outgoing {
	table := make(amqp.Table, len(m.Headers)+4)
	maps.Copy(table, m.Headers)
	return &outgoing{
		exchange: m.Exchange, key: m.Key,
		msg: amqp.Publishing{Headers: table, ContentType: m.ContentType, Body: bytes.Clone(m.Body)},
	}
}

// Send sends a message. It returns once the message is handed to the
// connection, which is no promise that anybody gets it. While there is no
// connection, it waits until ctx ends.
func (c *Conn) Send(ctx context.Context, m Message) error {
	if err := m.validate(); err != nil {
		return fmt.Errorf("send to %s: %w", destinationName(m.Exchange, m.Key, ""), err)
	}
	ctx, span := c.telemetry.startSend(ctx, m.Exchange, m.Key, "", len(m.Body))
	out := m.outgoing()
	c.telemetry.propagator.Inject(ctx, headers(out.msg.Headers))
	err := c.deliver(ctx, out)
	if err != nil {
		err = fmt.Errorf("send to %s: %w", destinationName(m.Exchange, m.Key, ""), err)
	}
	endSpan(span, err)
	return err
}

// deliver hands over a message that nobody replies to, to one session after
// the other until one takes it. If that fails with errUnsent, none has.
func (c *Conn) deliver(ctx context.Context, m *outgoing) error {
	m.sent = make(chan error, 1)
	for {
		if err := c.hand(ctx, m); err != nil {
			return fmt.Errorf("%w: %w", errUnsent, err)
		}
		select {
		case err := <-m.sent:
			if !errors.Is(err, errUnsent) {
				return err
			}
		case <-ctx.Done():
			return ended(ctx)
		case <-c.closing:
			return ErrClosed
		}
	}
}

// hand leaves m to the producer of the current session, or of the next.
func (c *Conn) hand(ctx context.Context, m *outgoing) error {
	select {
	case c.outbox <- m:
		return nil
	case <-ctx.Done():
		return ended(ctx)
	case <-c.closing:
		return ErrClosed
	}
}
