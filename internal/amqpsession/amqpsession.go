// Package amqpsession keeps a program connected to an AMQP 0-9-1 broker.
//
// A session is two connections, one to publish and one to consume, and
// whatever hangs on them: channels, queues, consumers.
//
//	connect ──▶ body(ctx, publish, consume) ──▶ close both ─┐
//	   ▲                                                    │
//	   └────────────── pause, longer each time ◀────────────┘
//
// Nothing of a session survives it. Everything that depends on a connection is
// built inside body and given up when its context ends, so a delivery of one
// session can never be acknowledged in the next.
//
// The connections are two because a broker that runs short of memory stops
// reading from those that publish. On a connection of its own, consuming and
// heartbeats go on.
package amqpsession

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Pauses between sessions. The pause grows from shortest to longest and
// starts over once a session has lasted.
const (
	shortestPause = 50 * time.Millisecond
	longestPause  = 5 * time.Second
	lasting       = 10 * time.Second
)

// DefaultHeartbeat is the interval of heartbeats when Config names none. A
// dead connection is noticed within three of them.
const DefaultHeartbeat = 5 * time.Second

// Config says how to connect.
type Config struct {
	URL  string // amqp:// or amqps://
	Name string // connection_name, as operators see it; "/publish" or "/consume" is added
	// Dial opens the transport; nil means TCP.
	Dial func(network, addr string) (net.Conn, error)
	// Heartbeat is rounded down to seconds, as the protocol wants it; 0
	// means DefaultHeartbeat.
	Heartbeat time.Duration
	// Failed, if set, is told why a session ended or did not come about,
	// before the pause. It is called from the goroutine of Keep.
	Failed func(error)
	Log    *slog.Logger // nil: discarded
}

// Keep connects, runs body, and starts over after a growing pause whenever body
// returns or a connection is lost. Then the context of body ends, and body must
// return: after a second the transports are cut, so that nothing can block on
// them. Keep closes the connections and reconnects. It returns when ctx ends,
// with its cause. A URL that cannot be used is an error at once; a broker that
// does not answer, or refuses, is tried again. Errors and logs never show the
// password.
func Keep(ctx context.Context, cfg Config, body func(ctx context.Context, publish, consume *amqp.Connection) error) error {
	if err := Check(cfg.URL); err != nil {
		return err
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = DefaultHeartbeat
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: shortestPause, MaxInterval: longestPause, Multiplier: 2, RandomizationFactor: 0.2,
	}
	session := func() (struct{}, error) {
		began := time.Now()
		err := run(ctx, cfg, body)
		if time.Since(began) >= lasting {
			pauses.Reset()
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, session, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, pause time.Duration) {
			cfg.Log.WarnContext(ctx, "broker session ended", "name", cfg.Name, "url", Redact(cfg.URL), "error", err, "pause", pause)
			if cfg.Failed != nil {
				cfg.Failed(err)
			}
		}))
	return err
}

var errReturned = errors.New("session ended")

// run is one session. It never returns nil.
func run(ctx context.Context, cfg Config, body func(ctx context.Context, publish, consume *amqp.Connection) error) error {
	publish, err := connect(ctx, cfg, "publish")
	if err != nil {
		return err
	}
	consume, err := connect(ctx, cfg, "consume")
	if err != nil {
		publish.cut()
		publish.close()
		return err
	}

	defer publish.close()
	defer consume.close()
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(errReturned)
	context.AfterFunc(ctx, func() {
		time.AfterFunc(closeTime, func() { publish.cut(); consume.cut() })
	})
	publish.watch(ctx, cfg.Log, lose)
	consume.watch(ctx, cfg.Log, lose)

	err = body(ctx, publish.Connection, consume.Connection)
	lost := new(lostError)
	switch {
	case errors.As(context.Cause(ctx), &lost):
		return lost
	case err == nil:
		return errReturned
	}
	return err
}

// lostError says that the broker or the network ended a connection.
type lostError struct {
	name   string
	reason error
}

func (e *lostError) Error() string { return fmt.Sprintf("lose connection %q: %v", e.name, e.reason) }
func (e *lostError) Unwrap() error { return e.reason }
