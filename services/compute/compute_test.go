package compute_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onEach runs the test on either broker.
func onEach(t *testing.T, test func(t *testing.T, b brokertest.Broker)) {
	t.Helper()
	brokertest.OnEach(t, test, compute.A.Queue(), compute.B.Queue())
}

// timeout keeps the tests on RabbitMQ short.
const timeout = time.Second

// system is a set of replicas and a caller, and what their hooks told.
type system struct {
	t      *testing.T
	broker brokertest.Broker
	caller *compute.Caller
	conn   *amqprpc.Conn

	mu      sync.Mutex
	changed chan struct{}
	alive   map[string]int // processes that took their queue and did not crash: how often
	crashes []string
	calls   []string // the queues to which requests were sent
}

// newSystem returns a system without replicas.
func newSystem(t *testing.T, b brokertest.Broker) *system {
	s := &system{t: t, broker: b, changed: make(chan struct{}), alive: make(map[string]int)}
	conn, err := amqprpc.Dial(t.Context(), amqprpc.Config{URL: b.URL, Dial: b.Dial, Name: "caller"})
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	s.conn = conn
	s.caller = compute.NewCaller(conn, compute.CallerConfig{Name: "caller", Timeout: timeout, Hooks: s.hooks()})
	stop := background(s.caller.Run)
	t.Cleanup(func() {
		stop()
		conn.Close()
	})
	return s
}

// run starts a replica and returns what stops it.
func (s *system) run(cfg compute.Config) (stop func()) {
	cfg.URL, cfg.Dial, cfg.Timeout, cfg.Hooks = s.broker.URL, s.broker.Dial, timeout, s.hooks()
	stop = background(func(ctx context.Context) {
		if err := compute.Run(ctx, cfg); err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	s.t.Cleanup(stop)
	return stop
}

// background runs f until the returned function is called, which waits for it.
func background(f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// pair starts two replicas of both services, with half of the IDs on each.
func (s *system) pair(ids ...int64) {
	for _, service := range []compute.Service{compute.A, compute.B} {
		for replica := 1; replica <= 2; replica++ {
			var here []int64
			for _, id := range ids {
				if (id > compute.MaxID/2) == (replica == 2) {
					here = append(here, id)
				}
			}
			s.run(compute.Config{Service: service, Replica: replica, IDs: append([]int64{}, here...)})
		}
		s.await(service.Consumer(1), service.Consumer(2))
		for _, id := range ids {
			s.await(service.Server(id))
		}
	}
}

func (s *system) hooks() compute.Hooks {
	return compute.Hooks{
		Started: func(p string) { s.note(func() { s.alive[p]++ }) },
		Calling: func(_, queue string) func(error) {
			s.note(func() { s.calls = append(s.calls, queue) })
			return nil
		},
		Crashed: func(p string, _ error) {
			s.note(func() {
				s.alive[p]--
				s.crashes = append(s.crashes, p)
			})
		},
	}
}

func (s *system) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until the processes are there.
func (s *system) await(processes ...string) {
	s.t.Helper()
	s.until("not every process took its queue", func() bool {
		return !slices.ContainsFunc(processes, func(p string) bool { return s.alive[p] < 1 })
	})
}

// until waits for a condition on what the hooks told.
func (s *system) until(otherwise string, condition func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	for {
		s.mu.Lock()
		ok, changed := condition(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s.t.Fatalf("%s: alive %v, crashed %v", otherwise, s.alive, s.crashes)
		}
	}
}

// want asks and checks the answer.
func (s *system) want(service compute.Service, id, want int64) {
	s.t.Helper()
	if got, err := s.caller.Ask(s.t.Context(), service, id); got != want || err != nil {
		s.t.Errorf("compute(%d) at %s = %d, %v; want %d", id, service, got, err, want)
	}
}

func TestComputes(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		s.pair(1, 31, 42)
		s.want(compute.A, 1, 1_000_001)
		s.want(compute.A, 31, 1_000_031)
		s.want(compute.B, 1, 1)
	})
}

func TestUnknownID(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		s.pair(1)
		for id, want := range map[int64]error{0: compute.ErrUnknownID, 61: compute.ErrUnknownID, -42: compute.ErrUnknownID, 2: compute.ErrUnavailable} {
			if _, err := s.caller.Ask(t.Context(), compute.A, id); !errors.Is(err, want) {
				t.Errorf("compute(%d): error %v, want %v", id, err, want)
			}
		}
		s.want(compute.A, 1, 1_000_001)
	})
}

// The three callers of the cycle crash, each by its own timeout; everything
// else survives, nothing is delivered again and everybody comes back.
func TestDeadlockCrashesItsCallers(t *testing.T) {
	for _, first := range []compute.Service{compute.A, compute.B} {
		t.Run(first.Name(), func(t *testing.T) {
			onEach(t, func(t *testing.T, b brokertest.Broker) {
				s := newSystem(t, b)
				s.pair(1, 42)
				if _, err := s.caller.Ask(t.Context(), first, 42); !errors.Is(err, amqprpc.ErrTimeout) {
					t.Fatalf("compute(42): error %v, want %v", err, amqprpc.ErrTimeout)
				}
				s.until("not everybody crashed and came back", func() bool {
					return len(s.crashes) >= 3 && s.alive["caller"] == 1 && s.alive["server_a:42"] == 1 && s.alive["server_b:42"] == 1
				})
				s.want(compute.A, 1, 1_000_001)
				s.want(compute.B, 1, 1)
				s.mu.Lock()
				defer s.mu.Unlock()
				if want := []string{"caller", "server_a:42", "server_b:42"}; !slices.Equal(slices.Sorted(slices.Values(s.crashes)), want) {
					t.Errorf("crashed: %v, want %v", s.crashes, want)
				}
				if n := handOvers(s.calls, "server_a:42") + handOvers(s.calls, "server_b:42"); n != 3 {
					t.Errorf("42 was handed over %d times, want 3: %v", n, s.calls)
				}
			})
		})
	}
}

func handOvers(calls []string, queue string) int {
	return len(slices.DeleteFunc(slices.Clone(calls), func(q string) bool { return q != queue }))
}
