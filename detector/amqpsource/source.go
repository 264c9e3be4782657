// Package amqpsource connects a detector to agents by an AMQP 0-9-1 broker.
//
//	           reports, answers            questions
//	agents ═══════════════════▶ Source ═══════════════════▶ agents
//	broker ──queue figures────▶        ──passive declare──▶ broker
//	               │
//	               ▼ detector.Event
//	              Sink
//
// A source has one queue of its own, which takes the reports of all services, or
// of some, and the answers to what it asked. When the connection is lost, all of
// it is built anew; what was under way is gone, and the agents' digests make up
// for the reports that were missed.
//
// Where the names, keys and bytes come from is the business of package wire.
package amqpsource

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
)

// Config says where the broker is.
type Config struct {
	URL  string // amqp:// or amqps://
	Name string // connection_name, as operators see it
	// Services are those whose agents are heard; none: all.
	Services []string
	// Dial opens the transport; nil means TCP.
	Dial func(network, addr string) (net.Conn, error)
}

// Sink takes what a Source has to tell. Its methods are called from several
// goroutines at once and must not block.
type Sink interface {
	// Deliver takes an event for the detector. Batches are valid. Size is that of
	// the message that one came in, in bytes; other events are small and have none.
	Deliver(e detector.Event, size int)
	// Drop takes note of a message that came too fast to be decoded.
	Drop()
	// Reject takes note of a message that was no valid batch, and why.
	Reject(err error)
	// Skip takes note of n log records that the wire does not know.
	Skip(n uint64)
	// Connect says that reports are being received from now on.
	Connect()
	// Disconnect says that they are not, or not yet, and why.
	Disconnect(err error)
}

// Bounds on what waits to be sent. Questions and counts are repeated by the
// detector while they matter.
const (
	maxQuestions = 1024
	maxCounts    = 1024
)

// counters is how many queues are counted at a time. A broker that is busy lets
// each wait.
const counters = 8

// Source is one connection to the agents, over however many sessions with the
// broker.
type Source struct {
	cfg       Config
	sink      Sink
	questions chan detector.Ask
	counts    chan detector.CountQueue
	// publishing says that a publish is under way, which takes as long as a
	// broker that is short of memory likes.
	publishing atomic.Bool
}

// New returns a source that has yet to Run.
func New(cfg Config, sink Sink) *Source {
	return &Source{
		cfg: cfg, sink: sink,
		questions: make(chan detector.Ask, maxQuestions),
		counts:    make(chan detector.CountQueue, maxCounts),
	}
}

// Ask sends a question soon. It never blocks and reports false if too many
// are waiting already.
func (s *Source) Ask(a detector.Ask) bool { return offer(s.questions, a) }

// CountQueue has the broker count a queue soon. It never blocks and reports
// false if too many are waiting already.
func (s *Source) CountQueue(c detector.CountQueue) bool { return offer(s.counts, c) }

func offer[T any](to chan<- T, t T) bool {
	select {
	case to <- t:
		return true
	default:
		return false
	}
}

// Run connects, and reconnects whenever the connection is lost, until ctx
// ends. A URL that cannot be used is an error at once.
func (s *Source) Run(ctx context.Context) error {
	return amqpsession.Keep(ctx, amqpsession.Config{
		URL: s.cfg.URL, Name: s.cfg.Name, Dial: s.cfg.Dial, Failed: s.sink.Disconnect,
	}, s.session)
}

// session is everything that hangs on one pair of connections.
func (s *Source) session(ctx context.Context, publish, consume *amqp.Connection) error {
	in, err := s.subscribe(consume)
	if err != nil {
		return err
	}
	out, err := publish.Channel()
	if err != nil {
		return err
	}
	returns := out.NotifyReturn(make(chan amqp.Return, 1))

	g, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, func() { s.hangUp(publish, consume) })()
	s.forget()
	g.Go(func() error { return in.backlog.take(in.deliveries) })
	g.Go(func() error { return s.receive(ctx, &in.backlog) })
	g.Go(func() error { return s.ask(ctx, out, in.queue) })
	g.Go(func() error { return s.takeBack(returns) })
	for range counters {
		g.Go(func() error { return s.count(ctx, consume) })
	}
	s.sink.Connect()
	return g.Wait()
}

// farewell bounds how long the closing of a connection may take.
const farewell = time.Second

// hangUp closes the connections, which ends whatever waits for the broker. A
// publish that hangs is cut off: it would keep the farewell from being sent.
func (s *Source) hangUp(publish, consume *amqp.Connection) {
	limit := time.Now().Add(farewell)
	if s.publishing.Load() {
		limit = time.Now()
	}
	_ = publish.CloseDeadline(limit) // it may be lost already, and so may the other
	_ = consume.CloseDeadline(time.Now().Add(farewell))
}

// forget drops what was to be sent in the session before: the detector has
// long asked again.
func (s *Source) forget() {
	for range len(s.questions) {
		<-s.questions
	}
	for range len(s.counts) {
		<-s.counts
	}
}
