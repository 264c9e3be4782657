package shim_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/shim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// system is an engine, a shim and whoever connects.
type system struct {
	t       *testing.T
	conn    *grpc.ClientConn
	started chan string
	crashed chan string
	timeout time.Duration

	mu      sync.Mutex
	written int // items that the engine has put
	changed chan struct{}
}

// onEach runs the test with a system on either broker. In virtual time the shim is
// as patient as in production.
func onEach(t *testing.T, variant shim.Variant, test func(s *system)) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s := &system{t: t, started: make(chan string, 100), crashed: make(chan string, 100), timeout: shim.DefaultTimeout, changed: make(chan struct{})}
		if b.Embedded == nil {
			s.timeout = time.Second
		}
		lis := bufconn.Listen(1 << 10)
		cfg := shim.Config{
			URL: b.URL, Dial: b.Dial, Variant: variant, Timeout: s.timeout, Listener: lis,
			Hooks: shim.Hooks{
				Started: func(p string) { s.started <- p },
				Crashed: func(p string, _ error) { s.crashed <- p },
				Calling: s.calling,
			},
		}
		s.run(cfg, shim.RunEngine)
		s.await(shim.Engine)
		s.run(cfg, shim.RunShim)
		s.await(shim.Receive, shim.Intake)
		conn, err := grpc.NewClient("passthrough:shim", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		s.conn = conn
		test(s)
	}, shim.Requests, shim.Answers)
}

// calling counts what the engine writes.
func (s *system) calling(process, _ string) func(error) {
	return func(err error) {
		if process == shim.Engine && err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.written++
			close(s.changed)
			s.changed = make(chan struct{})
		}
	}
}

// awaitWritten waits until the engine has put so many items.
func (s *system) awaitWritten(n int) {
	for {
		s.mu.Lock()
		enough, changed := s.written >= n, s.changed
		s.mu.Unlock()
		if enough {
			return
		}
		<-changed
	}
}

func (s *system) run(cfg shim.Config, part func(context.Context, shim.Config) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := part(ctx, cfg); ctx.Err() == nil {
			s.t.Errorf("it ended: %v", err)
		}
	}()
	s.t.Cleanup(func() { cancel(); <-done })
}

// await waits until these processes have started.
func (s *system) await(processes ...string) {
	s.t.Helper()
	want := make(map[string]bool)
	for _, p := range processes {
		want[p] = true
	}
	for len(want) > 0 {
		select {
		case p := <-s.started:
			delete(want, p)
		case <-time.After(10 * time.Second):
			s.t.Fatalf("did not start: %v", want)
		}
	}
}

func (s *system) client(slow time.Duration) *shim.Client {
	s.t.Helper()
	c, err := shim.Connect(s.t.Context(), s.conn, slow)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// fetch has a client make requests at the same time, and returns the first error.
func (s *system) fetch(c *shim.Client, counts ...int) (first error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, count := range counts {
		all.Go(func() {
			n, err := c.Fetch(s.t.Context(), count)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && n != count {
				s.t.Errorf("%d items of %d", n, count)
			}
			if first == nil {
				first = err
			}
		})
	}
	all.Wait()
	return first
}

var variants = []shim.Variant{shim.Joined, shim.Apart}

// TestOneRequestAtATime is served by either, however large.
func TestOneRequestAtATime(t *testing.T) {
	for _, v := range variants {
		t.Run(string(v), func(t *testing.T) {
			onEach(t, v, func(s *system) {
				c := s.client(0)
				for _, count := range []int{1, shim.Space, 10 * shim.Space} {
					if err := s.fetch(c, count); err != nil {
						t.Errorf("%d items: %v", count, err)
					}
				}
			})
		})
	}
}

// TestAnotherRequestMeanwhile deadlocks the one, until it exits and begins anew, and
// not the other.
func TestAnotherRequestMeanwhile(t *testing.T) {
	const large = 10 * shim.Space
	both := func(s *system) error {
		c, done := s.client(0), make(chan error, 1)
		go func() { done <- s.fetch(c, large) }()
		s.awaitWritten(1) // so it has been taken
		return errors.Join(s.fetch(c, 1), <-done)
	}
	t.Run("joined", func(t *testing.T) {
		onEach(t, shim.Joined, func(s *system) {
			began := time.Now()
			if err := both(s); err == nil || time.Since(began) < s.timeout {
				s.t.Errorf("after %v: %v", time.Since(began), err)
			}
			if p := <-s.crashed; p != shim.Receive {
				s.t.Errorf("%s exited", p)
			}
			s.awaitWritten(large + 1)
			if err := s.fetch(s.client(0), 3); err != nil {
				s.t.Errorf("it did not come back: %v", err)
			}
		})
	})
	t.Run("apart", func(t *testing.T) {
		onEach(t, shim.Apart, func(s *system) {
			if err := both(s); err != nil {
				s.t.Error(err)
			}
		})
	})
}

// TestSlowReader is slow, and that is all, if the routines are apart.
func TestSlowReader(t *testing.T) {
	onEach(t, shim.Apart, func(s *system) {
		slow, prompt := s.client(10*time.Millisecond), s.client(0)
		done := make(chan error, 1)
		go func() { done <- s.fetch(slow, 10*shim.Space, 1) }()
		if err := s.fetch(prompt, 1); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestBadRequests(t *testing.T) {
	onEach(t, shim.Joined, func(s *system) {
		for _, count := range []int{0, shim.MaxCount + 1} {
			if _, err := s.client(0).Fetch(s.t.Context(), count); status.Code(err) != codes.InvalidArgument {
				s.t.Errorf("%d items: %v", count, err)
			}
		}
		gone := s.client(0)
		gone.Close()
		if _, err := gone.Fetch(s.t.Context(), 1); err == nil {
			s.t.Error("a client that left is served")
		}
	})
}

func TestConfigIsValidated(t *testing.T) {
	for name, cfg := range map[string]shim.Config{
		"variant":     {Variant: "both", Listener: bufconn.Listen(1)},
		"timeout":     {Timeout: -1, Listener: bufconn.Listen(1)},
		"no listener": {},
	} {
		if shim.RunShim(t.Context(), cfg) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
