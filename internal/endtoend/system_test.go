package endtoend_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everywhere runs a test on the embedded broker in virtual time, and on
// RabbitMQ in real time.
func everywhere(t *testing.T, test func(t *testing.T, s *system)) {
	t.Run("embedded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			broker := minibroker.New()
			t.Cleanup(func() { _ = broker.Close() })
			test(t, start(t, "amqp://guest:guest@embedded/", broker.Dial))
		})
	})
	t.Run("rabbitmq", func(t *testing.T) {
		url := os.Getenv("AMQP_URL")
		if url == "" {
			t.Skip("AMQP_URL is not set")
		}
		test(t, start(t, url, nil))
	})
}

// system is a detector and one OS process with an agent.
type system struct {
	testing.TB
	conn      *amqprpc.Conn
	agent     *tracing.Agent
	announced chan announcement
	suffix    string // makes the names of queues unique
	ctx       context.Context
	running   sync.WaitGroup
}

// announcement is what the detector said, and when it reached us.
type announcement struct {
	detector.Announce
	at time.Time
}

func start(tb testing.TB, url string, dial func(network, addr string) (net.Conn, error)) *system {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &system{TB: tb, announced: make(chan announcement, 10_000), suffix: "." + rand.Text()[:8], ctx: ctx}
	s.running.Go(func() {
		err := sidecar.Run(ctx, sidecar.Config{URL: url, Dial: dial, MustConnect: true, OnVerdict: func(a detector.Announce) {
			select {
			case s.announced <- announcement{a, time.Now()}:
			default:
			}
		}})
		if err != nil && ctx.Err() == nil {
			tb.Errorf("sidecar: %v", err)
		}
	})
	var err error
	if s.agent, err = tracing.New(tracing.Config{Service: "endtoend"}); err != nil {
		tb.Fatal(err)
	}
	stop, err := amqpexport.Start(ctx, s.agent, amqpexport.Config{URL: url, Dial: dial})
	if err != nil {
		tb.Fatal(err)
	}
	if s.conn, err = amqprpc.Dial(ctx, amqprpc.Config{URL: url, Dial: dial, Agent: s.agent, CallTimeout: 20 * time.Second}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		s.conn.Close()
		stop()
		s.running.Wait()
		s.agent.Close()
	})
	return s
}

// serve runs a process on a queue of its own until the test ends. With a
// prefetch above 1 its requests can be seen waiting; otherwise they wait in the
// broker.
func (s *system) serve(name string, prefetch int, handle func(ctx context.Context, body string) error) {
	ready := make(chan struct{})
	var once sync.Once
	s.running.Go(func() {
		process := s.agent.Process(name)
		defer process.Stop()
		err := s.conn.Serve(s.ctx, amqprpc.Server{
			Queue: name + s.suffix, Process: process, Prefetch: prefetch,
			Declare: func(ch *amqp.Channel) error {
				// Not exclusive: the detector counts its messages.
				_, err := ch.QueueDeclare(name+s.suffix, true, true, false, false, amqp.Table{amqp.QueueTTLArg: int64(60_000)})
				once.Do(func() { close(ready) })
				return err
			},
			Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				if err := handle(ctx, string(r.Body)); err != nil {
					return nil, amqprpc.ErrNoAnswer
				}
				return nil, nil
			},
		})
		if s.ctx.Err() == nil {
			s.Errorf("serve %s: %v", name, err)
		}
	})
	select {
	case <-ready:
	case <-s.ctx.Done():
	}
}

// call asks a process, until ctx ends.
func (s *system) call(ctx context.Context, name, body string) error {
	_, err := s.conn.Call(ctx, amqprpc.Call{Key: name + s.suffix, Body: []byte(body)})
	return err
}

// await waits for the first announcement of a status that is no repetition.
// Others may use the same RabbitMQ: their verdicts do not count.
func (s *system) await(status detector.Status) announcement {
	s.Helper()
	patience := time.After(15 * time.Second)
	var last detector.Verdict
	for {
		select {
		case a := <-s.announced:
			if a.Verdict.Core[0].Key.Agent != s.agent.ID() {
				continue
			}
			if a.Verdict.Status == status && !a.Again {
				return a
			}
			last = a.Verdict
		case <-patience:
			s.Fatalf("no verdict was %s; the last one: %s, of %d processes: %s%s", status, last.Status, len(last.Core), last.Reason, last.Cause)
		}
	}
}

// ring is a set of processes that each ask the next. A request says which
// round it is of; a round ends when it is cancelled.
type ring struct {
	*system
	names []string

	mu      sync.Mutex
	round   context.Context
	atOnce  bool
	arrived int
	open    chan struct{}
	last    time.Time // when the last process asked the next
}

func newRing(s *system, size, prefetch int) *ring {
	r := &ring{system: s}
	for i := range size {
		r.names = append(r.names, fmt.Sprintf("ring:%d", i))
	}
	for i, name := range r.names {
		s.serve(name, prefetch, func(ctx context.Context, _ string) error { return r.ask(ctx, i) })
	}
	return r
}

var errOver = errors.New("the round is over")

// ask lets process i ask the next, at once or when all have been asked.
func (r *ring) ask(ctx context.Context, i int) error {
	r.mu.Lock()
	round, open := r.round, r.open
	if r.arrived++; r.arrived == len(r.names) && open != nil {
		close(open)
	}
	r.mu.Unlock()
	if open != nil {
		select {
		case <-open:
		case <-round.Done():
			return errOver
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(round, cancel)()
	r.mu.Lock()
	r.last = time.Now()
	r.mu.Unlock()
	return r.call(ctx, r.names[(i+1)%len(r.names)], "")
}

// deadlock makes the ring close, by one request that goes all around or by all
// of its processes at once, and returns when the last of them asked, and what
// the detector said.
func (r *ring) deadlock(atOnce bool) (last time.Time, suspected, confirmed announcement) {
	r.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	r.mu.Lock()
	r.round, r.arrived, r.open = ctx, 0, nil
	callers := 1
	if atOnce {
		r.open, callers = make(chan struct{}), len(r.names)
	}
	r.mu.Unlock()
	var asking sync.WaitGroup
	for i := range callers {
		asking.Go(func() { _ = r.call(ctx, r.names[i], "") })
	}
	suspected = r.await(detector.Suspected)
	confirmed = r.await(detector.Confirmed)
	r.mu.Lock()
	last = r.last
	r.mu.Unlock()
	cancel()
	asking.Wait()
	for a := r.await(detector.Resolved); a.Verdict.ID != confirmed.Verdict.ID; {
		a = r.await(detector.Resolved)
	}
	return last, suspected, confirmed
}
