package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/pool"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// timeout keeps tests of those who wait in vain short on RabbitMQ.
	timeout = time.Second
	// patience is that of those who are to be answered.
	patience = 20 * timeout
)

// service is some replicas and somebody who asks them.
type service struct {
	t       *testing.T
	broker  brokertest.Broker
	conn    *amqprpc.Conn
	timeout time.Duration // of who asks, and of replicas that are started
	calls   atomic.Int64  // of workers that have begun
}

func onEach(t *testing.T, test func(s *service)) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		conn, err := amqprpc.Dial(t.Context(), amqprpc.Config{URL: b.URL, Dial: b.Dial, Name: "caller"})
		if err != nil {
			t.Fatalf("Dial: %v", err)
		}
		t.Cleanup(conn.Close)
		test(&service{t: t, broker: b, conn: conn, timeout: patience})
	}, pool.Queues()...)
}

// run starts a replica, waits until all of its workers consume, and returns what
// stops it.
func (s *service) run(cfg pool.Config) (stop func()) {
	s.t.Helper()
	cfg.URL, cfg.Dial, cfg.Timeout = s.broker.URL, s.broker.Dial, s.timeout
	servers := 1
	if cfg.Form == pool.Consumers {
		servers = cfg.Workers
	}
	if cfg.Layered {
		servers *= pool.MaxDepth + 1
	}
	started := make(chan struct{}, servers)
	cfg.Hooks.Started = func(string) { started <- struct{}{} }
	cfg.Hooks.Calling = func(string, string) func(error) { s.calls.Add(1); return nil }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := pool.Run(ctx, cfg); err != nil {
			s.t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	s.t.Cleanup(stop)
	for range servers {
		<-started
	}
	return stop
}

// ask asks n times at once, and returns how many were answered as they should be.
func (s *service) ask(n, depth int, layered bool) (answered int) {
	s.t.Helper()
	var all sync.WaitGroup
	var right atomic.Int64
	for range n {
		all.Go(func() {
			answer, err := pool.Ask(context.Background(), s.conn, depth, layered, s.timeout)
			switch {
			case err == nil && answer != depth:
				s.t.Errorf("the answer to depth %d is %d", depth, answer)
			case err == nil:
				right.Add(1)
			case !errors.Is(err, amqprpc.ErrTimeout):
				s.t.Errorf("depth %d: %v", depth, err)
			}
		})
	}
	all.Wait()
	return int(right.Load())
}

// together is work for which so many workers who will ask the pool wait for each
// other. Then it takes them some time, by which they give up later than those who
// asked them. Afterwards it takes nobody any time.
func together(workers int, then time.Duration) func(depth int) time.Duration {
	var arrived sync.WaitGroup
	arrived.Add(workers)
	var left atomic.Int64
	left.Store(int64(workers))
	return func(depth int) time.Duration {
		if depth > 0 && left.Add(-1) >= 0 {
			arrived.Done()
			arrived.Wait()
			return then
		}
		return 0
	}
}

var forms = []pool.Form{pool.Consumers, pool.Goroutines, pool.Semaphore}

func TestPoolAnswers(t *testing.T) {
	for _, form := range forms {
		t.Run(string(form), func(t *testing.T) {
			onEach(t, func(s *service) {
				s.run(pool.Config{Replica: 1, Form: form, Workers: 4})
				for depth := range 4 {
					if s.ask(1, depth, false) != 1 {
						s.t.Errorf("depth %d is not answered", depth)
					}
				}
				for _, depth := range []int{-1, pool.MaxDepth + 1} {
					if _, err := pool.Ask(s.t.Context(), s.conn, depth, false, timeout); !errors.Is(err, pool.ErrDepth) {
						s.t.Errorf("depth %d: %v", depth, err)
					}
				}
			})
		})
	}
}

// TestPoolExhaustsItself: as many requests at a time as there are workers leave
// nobody for what they ask. Afterwards the pool serves again.
func TestPoolExhaustsItself(t *testing.T) {
	for _, form := range forms {
		t.Run(string(form), func(t *testing.T) {
			onEach(t, func(s *service) {
				s.timeout = timeout
				s.run(pool.Config{Replica: 1, Form: form, Workers: 2, Work: together(2, timeout/4)})
				if n := s.ask(2, 1, false); n != 0 {
					s.t.Errorf("%d of 2 were answered", n)
				}
				s.timeout = patience
				if n := s.ask(1, 1, false); n != 1 {
					s.t.Error("the pool did not come back")
				}
			})
		})
	}
}

// TestPoolIsSavedByAnother: a replica that joins takes up what lies in the queue.
func TestPoolIsSavedByAnother(t *testing.T) {
	onEach(t, func(s *service) {
		s.run(pool.Config{Replica: 1, Form: pool.Consumers, Workers: 2, Work: together(2, 0)})
		answered := make(chan int)
		go func() { answered <- s.ask(2, 1, false) }()
		for s.calls.Load() < 2 {
			time.Sleep(10 * time.Millisecond)
		}
		s.run(pool.Config{Replica: 2, Form: pool.Consumers, Workers: 1})
		if n := <-answered; n != 2 {
			s.t.Errorf("%d of 2 were answered", n)
		}
	})
}

// TestExhaustedSemaphoreIsTold: the agent tells who waits for a permit and who has
// one, so that a detector can know that nobody goes on. By then a replica that
// joins is too late: all requests have been taken up.
func TestExhaustedSemaphoreIsTold(t *testing.T) {
	onEach(t, func(s *service) {
		agent, err := tracing.New(tracing.Config{Service: "pool"})
		if err != nil {
			s.t.Fatal(err)
		}
		defer agent.Close()
		s.timeout = timeout
		stop := s.run(pool.Config{Replica: 1, Form: pool.Semaphore, Workers: 2, Work: together(2, timeout/4), Agent: agent})
		answered := make(chan int)
		go func() { answered <- s.ask(2, 1, false) }()
		waiting, holding := make(map[report.Key]report.Resource), make(map[report.Key]report.Resource)
		for len(waiting) < 2 || len(holding) < 2 {
			select {
			case <-agent.Wake():
				notePermits(agent.Collect(100), waiting, holding)
			case n := <-answered:
				s.t.Fatalf("%d of 2 were answered; waiting %v, holding %v", n, waiting, holding)
			}
		}
		s.run(pool.Config{Replica: 2, Form: pool.Semaphore, Workers: 2})
		if n := <-answered; n != 0 {
			s.t.Errorf("%d of 2 were answered", n)
		}
		stop()
		if len(waiting)+len(holding) != 4 {
			s.t.Errorf("waiting %v, holding %v", waiting, holding)
		}
		for key, permit := range waiting {
			for _, held := range holding {
				if _, both := holding[key]; both || held != permit {
					s.t.Errorf("waiting %v, holding %v", waiting, holding)
				}
			}
		}
	})
}

// notePermits notes who waits for one of two permits, and who has one.
func notePermits(b report.Batch, waiting, holding map[report.Key]report.Resource) {
	for _, state := range b.States {
		for _, w := range state.Waits {
			if w.Kind == report.Permit && w.Holders == 2 {
				waiting[state.Key] = w.Resource
			}
		}
		for _, h := range state.Holds {
			if h.Kind == report.Permit {
				holding[state.Key] = h.Resource
			}
		}
	}
}

// TestLayeredPoolNeverExhaustsItself, with one worker for each depth.
func TestLayeredPoolNeverExhaustsItself(t *testing.T) {
	for _, form := range forms {
		t.Run(string(form), func(t *testing.T) {
			onEach(t, func(s *service) {
				busy := func(depth int) time.Duration { return time.Duration(depth) * 10 * time.Millisecond }
				s.run(pool.Config{Replica: 1, Form: form, Workers: 1, Layered: true, Work: busy})
				if n := s.ask(4, 3, true); n != 4 {
					s.t.Errorf("%d of 4 were answered", n)
				}
			})
		})
	}
}

// TestWorkerDies: what a worker had is delivered to another one.
func TestWorkerDies(t *testing.T) {
	onEach(t, func(s *service) {
		took := make(chan struct{})
		stop := s.run(pool.Config{Replica: 1, Form: pool.Consumers, Workers: 1, Work: func(int) time.Duration {
			close(took)
			return time.Hour
		}})
		answered := make(chan int)
		go func() { answered <- s.ask(1, 0, false) }()
		<-took
		s.run(pool.Config{Replica: 2, Form: pool.Consumers, Workers: 1})
		stop()
		if n := <-answered; n != 1 {
			s.t.Error("nobody answered")
		}
	})
}

func TestConfigIsValidated(t *testing.T) {
	for i, cfg := range []pool.Config{
		{Replica: 0, Workers: 1},
		{Replica: 1, Workers: 0},
		{Replica: 1, Workers: 1, Form: "threads"},
		{Replica: 1, Workers: 1, Timeout: -1},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if pool.Run(t.Context(), cfg) == nil {
				t.Error("accepted")
			}
		})
	}
}
