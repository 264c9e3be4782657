package amqprpc

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/internal/amqpsession"
)

// Conn makes and serves calls over one broker, to which it reconnects for as
// long as it is open. All methods may be called from many goroutines.
type Conn struct {
	cfg       Config
	telemetry telemetry

	prefix string // of the names that nextID makes
	serial atomic.Uint64
	late   atomic.Uint64

	outbox   chan *outgoing // unbuffered: what is not yet being sent can still be given up
	calls    calls
	sessions sessions

	closeOnce sync.Once
	closing   chan struct{} // closed by Close
	end       context.CancelFunc
	running   sync.WaitGroup
}

// Stats counts what a Conn has seen.
type Stats struct {
	LateReplies uint64 // dropped, because nobody waited for them any more
}

// Dial connects to the broker. It tries until it succeeds or ctx ends, which
// has no effect on the Conn afterwards; a URL that cannot be used is an error
// at once. The Conn must be closed.
func Dial(ctx context.Context, cfg Config, opts ...Option) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("dial broker: %w", err)
	}
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = DefaultCallTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	c := &Conn{
		cfg: cfg, telemetry: newTelemetry(opts),
		prefix: rand.Text()[:10] + "-", outbox: make(chan *outgoing),
		closing: make(chan struct{}), end: end,
	}
	var failure error // why there is no session yet
	c.running.Go(func() { c.keep(life, func(err error) { failure = err }) })
	if _, err := c.sessions.await(ctx, nil, c.closing); err != nil {
		c.Close() // which waits for keep
		return nil, fmt.Errorf("dial broker: %w", cmp.Or(failure, err))
	}
	return c, nil
}

// Close ends all calls and servers with ErrClosed, and the connections. It
// returns once nothing of the Conn runs any more but the handlers.
func (c *Conn) Close() {
	c.closeOnce.Do(func() {
		close(c.closing)
		c.end()
	})
	c.running.Wait()
}

// Stats returns what the Conn has counted so far.
func (c *Conn) Stats() Stats { return Stats{LateReplies: c.late.Load()} }

// nextID returns a name that nothing else has.
func (c *Conn) nextID() string { return c.prefix + strconv.FormatUint(c.serial.Add(1), 36) }

// newReply returns the name of the reply to one call, which is its correlation
// ID too.
func (c *Conn) newReply() string {
	if id := c.cfg.Agent.NewReply(); id != "" && len(id) <= maxShort {
		return id
	}
	return c.nextID()
}

// keep holds on to the broker until ctx ends.
func (c *Conn) keep(ctx context.Context, failed func(error)) {
	cfg := amqpsession.Config{
		URL: c.cfg.URL, Name: c.cfg.Name, Dial: c.cfg.Dial, Heartbeat: c.cfg.Heartbeat, Failed: failed, Log: c.cfg.Log,
	}
	_ = amqpsession.Keep(ctx, cfg, c.session) // the URL is checked, so it ends with ctx
}

// session is what hangs on one pair of connections.
type session struct {
	consume *amqp.Connection
	replyTo string // the queue on which the replies of this session come
}

// session runs one session until one of its parts fails.
func (c *Conn) session(ctx context.Context, publish, consume *amqp.Connection) error {
	blocked := publish.NotifyBlocked(make(chan amqp.Blocking, 1))
	queue, replies, err := openReplies(consume)
	if err != nil {
		return err
	}
	s := &session{consume: consume, replyTo: queue}
	c.sessions.set(s)
	defer c.sessions.set(nil)
	defer c.calls.interrupt(func(l *lane) bool { return l.session == s }, ErrConnectionLost)

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.produce(ctx, s, publish, blocked) })
	group.Go(func() error { return c.takeReplies(ctx, replies) })
	return group.Wait()
}

// openReplies makes the queue on which replies come and begins to consume it.
func openReplies(conn *amqp.Connection) (queue string, replies <-chan amqp.Delivery, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return "", nil, fmt.Errorf("open reply channel: %w", err)
	}
	const durable, autoDelete, exclusive, noLocal, noWait, autoAck = false, true, true, false, false, true
	q, err := ch.QueueDeclare("", durable, autoDelete, exclusive, noWait, nil)
	if err != nil {
		return "", nil, fmt.Errorf("declare reply queue: %w", err)
	}
	replies, err = ch.Consume(q.Name, "", autoAck, exclusive, noLocal, noWait, nil)
	if err != nil {
		return "", nil, fmt.Errorf("consume replies: %w", err)
	}
	return q.Name, replies, nil
}

var errNoReplies = errors.New("reply queue is gone")

// takeReplies hands replies to those who wait for them.
func (c *Conn) takeReplies(ctx context.Context, replies <-chan amqp.Delivery) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case d, ok := <-replies:
			if !ok {
				return errNoReplies
			}
			if !c.calls.settle(d.CorrelationId, outcome{delivery: d}) {
				c.late.Add(1)
			}
		}
	}
}

// sessions hands out the current session to those who need one.
type sessions struct {
	mu      sync.Mutex
	current *session
	changed chan struct{} // closed with the next change; nil while nobody waits for it
}

func (h *sessions) set(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = s
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// await returns the current session once there is one that is not old.
func (h *sessions) await(ctx context.Context, old *session, closing <-chan struct{}) (*session, error) {
	for {
		s, changed := h.get()
		if s != nil && s != old {
			return s, nil
		}
		select {
		case <-changed:
		case <-closing:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (h *sessions) get() (*session, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.current, h.changed
}
