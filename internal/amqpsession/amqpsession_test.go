package amqpsession_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/amqpsession"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBadURLIsAnErrorAtOnceThatHidesThePassword(t *testing.T) {
	for _, url := range []string{"", "http://localhost", "amqp://me:se/cret@host", "amqp://me:secret%@host", "amqp://me:sec ret@host", "amqp://me:99999999999@:99999999999"} {
		err := amqpsession.Keep(t.Context(), amqpsession.Config{URL: url}, nil)
		if !errors.Is(err, amqpsession.ErrURL) {
			t.Errorf("%q: %v", url, err)
		}
		for _, secret := range []string{"secret", "se/", "cret", "9999"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("error shows %q: %v", secret, err)
			}
		}
	}
}

func TestUnreachableBrokerIsTriedAgainWithoutThePassword(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	cfg := amqpsession.Config{
		URL:  "amqp://me:secret@localhost/",
		Dial: func(string, string) (net.Conn, error) { attempts++; return nil, errors.New("refused") },
		Failed: func(err error) {
			if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "refused") {
				t.Errorf("got %v", err)
			}
			if attempts == 3 {
				cancel()
			}
		},
	}
	if err := amqpsession.Keep(ctx, cfg, nil); !errors.Is(err, context.Canceled) || attempts != 3 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}

func TestKeepEndsWhileBrokerIsSilent(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := amqpsession.Keep(ctx, amqpsession.Config{URL: "amqp://localhost/", Dial: func(string, string) (net.Conn, error) { return ours, nil }}, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestSessionStartsOverUntilTheContextEnds(t *testing.T) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		t.Skip("AMQP_URL is not set")
	}
	var transports []net.Conn
	cfg := amqpsession.Config{URL: url, Name: t.Name(), Dial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		transports = append(transports, c)
		return c, err
	}}
	sessions, enough := 0, errors.New("enough")
	life, end := context.WithCancelCause(t.Context())
	err := amqpsession.Keep(life, cfg, func(ctx context.Context, publish, consume *amqp.Connection) error {
		sessions++
		switch sessions {
		case 1: // the network drops one of the two
			_ = transports[len(transports)-1].Close()
			<-ctx.Done()
			return ctx.Err()
		case 2: // body gives up
			return nil
		}
		for _, c := range []*amqp.Connection{publish, consume} {
			if c.IsClosed() {
				t.Error("a closed connection was handed out")
			}
		}
		end(enough)
		return nil
	})
	if !errors.Is(err, enough) || sessions != 3 || len(transports) != 6 {
		t.Errorf("%d sessions, %d connections, %v", sessions, len(transports), err)
	}
}

func TestKeepCutsATransportThatBlocks(t *testing.T) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		t.Skip("AMQP_URL is not set")
	}
	ctx, cancel := context.WithCancel(t.Context())
	stuck := &stuckConn{written: make(chan struct{}, 1), closed: make(chan struct{})}
	cfg := amqpsession.Config{URL: url, Name: t.Name(), Dial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if stuck.Conn != nil { // only the first connection, that which publishes, gets stuck
			return c, err
		}
		stuck.Conn = c
		return stuck, err
	}}
	err := amqpsession.Keep(ctx, cfg, func(_ context.Context, publish, _ *amqp.Connection) error {
		ch, err := publish.Channel()
		if err != nil {
			return err
		}
		stuck.stop.Store(true)
		go func() { <-stuck.written; cancel() }()
		return ch.Publish("", t.Name(), false, false, amqp.Publishing{})
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// stuckConn stops writing once told to, as towards a peer that does not read.
type stuckConn struct {
	net.Conn
	stop    atomic.Bool
	written chan struct{}
	closed  chan struct{}
	once    sync.Once
}

func (c *stuckConn) Write(p []byte) (int, error) {
	if !c.stop.Load() {
		return c.Conn.Write(p)
	}
	select {
	case c.written <- struct{}{}:
	default:
	}
	<-c.closed
	return 0, net.ErrClosed
}

func (c *stuckConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
