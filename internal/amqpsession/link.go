package amqpsession

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// handshakeTime bounds the opening of a connection, from the first
	// packet to the broker's consent.
	handshakeTime = 10 * time.Second
	// closeTime is how long a session may take to end, farewell included.
	// A broker that has stopped reading would otherwise hold up publishers
	// and the program's end.
	closeTime = time.Second
)

// link is one connection and the transport underneath.
type link struct {
	*amqp.Connection
	name      string
	transport net.Conn
	closes    chan *amqp.Error
	blocks    chan amqp.Blocking
	watchers  sync.WaitGroup
}

// connect opens one connection. When ctx ends first, so does the attempt.
func connect(ctx context.Context, cfg Config, role string) (*link, error) {
	l := &link{name: cfg.Name + "/" + role}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(l.name)

	opening, done := context.WithTimeout(ctx, handshakeTime)
	defer done()
	stop := func() bool { return true }
	conn, err := amqp.DialConfig(cfg.URL, amqp.Config{
		Heartbeat:  cfg.Heartbeat,
		Properties: properties,
		Dial: func(network, addr string) (net.Conn, error) {
			transport, err := dial(opening, cfg, network, addr)
			if err == nil {
				l.transport = transport
				stop = context.AfterFunc(opening, func() { _ = transport.Close() })
			}
			return transport, err
		},
	})
	if !stop() && err == nil {
		err = opening.Err() // the transport was closed under a connection that had just opened
	}
	if err != nil {
		l.abandon(conn)
		return nil, fmt.Errorf("connect to %s: %w", Redact(cfg.URL), err)
	}
	l.Connection = conn
	l.closes = conn.NotifyClose(make(chan *amqp.Error, 1))
	l.blocks = conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	return l, nil
}

func dial(ctx context.Context, cfg Config, network, addr string) (net.Conn, error) {
	if cfg.Dial != nil {
		return cfg.Dial(network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// abandon ends what is left of an attempt to connect.
func (l *link) abandon(conn *amqp.Connection) {
	if l.transport != nil {
		_ = l.transport.Close()
	}
	if conn != nil {
		_ = conn.Close()
	}
}

// watch calls lose when the connection closes. It takes what the connection
// has to tell until then, as the client library requires.
func (l *link) watch(ctx context.Context, log *slog.Logger, lose context.CancelCauseFunc) {
	l.watchers.Go(func() {
		for b := range l.blocks {
			log.WarnContext(ctx, "broker throttles publishing", "name", l.name, "blocked", b.Active, "reason", b.Reason)
		}
	})
	l.watchers.Go(func() {
		reason, ok := <-l.closes
		if !ok {
			reason = amqp.ErrClosed
		}
		lose(&lostError{name: l.name, reason: reason})
	})
}

// cut ends the connection without a word.
func (l *link) cut() { _ = l.transport.Close() }

// close says farewell to the broker and waits for the watchers. It returns
// soon only if the transport is cut when the broker does not answer.
func (l *link) close() {
	_ = l.Close() // fails if the connection is lost already, which the session knows
	l.watchers.Wait()
}
