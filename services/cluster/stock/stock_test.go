package stock_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/cluster/stock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// timeout is that of calls; clerks have twice the patience with locks.
const timeout = time.Second

var (
	ann = cluster.Address{Name: "ann", Node: "n1"}
	ben = cluster.Address{Name: "ben", Node: "n2"}
	cyd = cluster.Address{Name: "cyd", Node: "n3"}
)

// shop is three clerks on a node each, and a desk at which they are asked.
type shop struct {
	*testing.T
	desk  *cluster.Node
	nodes map[string]*cluster.Node
	cut   map[string]func()

	mu      sync.Mutex
	changed chan struct{}
	starts  int
	crashes []string
	waits   int
}

func open(t *testing.T, b brokertest.Broker, careful bool, work time.Duration) *shop {
	if b.Dial == nil { // no bubble: shops do not see each other
		t.Parallel()
	}
	s := &shop{T: t, nodes: make(map[string]*cluster.Node), cut: make(map[string]func()), changed: make(chan struct{})}
	name := "stock-" + rand.Text()[:8]
	s.desk = s.node(b, name, "desk")
	for _, a := range []cluster.Address{ann, ben, cyd} {
		node := s.node(b, name, a.Node)
		var clerk sync.WaitGroup
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		t.Cleanup(func() {
			stop()
			clerk.Wait()
		})
		clerk.Go(func() {
			err := stock.Run(ctx, stock.Config{
				Node: node, Name: a.Name, Careful: careful, Timeout: 2 * timeout, Work: busy(work), Hooks: s.hooks(),
			})
			if !errors.Is(err, context.Canceled) && !errors.Is(err, cluster.ErrStopped) {
				t.Errorf("%s: %v", a, err)
			}
		})
	}
	s.until("all clerks are there", func() bool { return s.starts == 3 })
	return s
}

func (s *shop) node(b brokertest.Broker, clusterName, name string) *cluster.Node {
	s.Helper()
	dial := b.Dial
	if dial == nil {
		dial = net.Dial
	}
	var mu sync.Mutex
	var conns []net.Conn
	node, err := cluster.Start(s.Context(), cluster.Config{
		Cluster: clusterName, Node: name, URL: b.URL, CallTimeout: timeout,
		Dial: func(network, addr string) (net.Conn, error) {
			conn, err := dial(network, addr)
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, conn)
			return conn, err
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(node.Stop)
	s.nodes[name] = node
	s.cut[name] = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
		conns = nil
	}
	return node
}

func (s *shop) hooks() stock.Hooks {
	return stock.Hooks{
		Started: func(string) { s.note(func() { s.starts++ }) },
		Crashed: func(p string, _ error) { s.note(func() { s.crashes = append(s.crashes, p) }) },
		Calling: func(string, string) func(error) {
			s.note(func() { s.waits++ })
			return func(error) { s.note(func() { s.waits-- }) }
		},
	}
}

func (s *shop) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *shop) until(what string, holds func() bool) {
	s.Helper()
	limit := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		ok, changed := holds(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit:
			s.Fatalf("it never came to pass: %s; crashed: %v", what, s.crashes)
		}
	}
}

// busy is work that takes its time.
func busy(d time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
}

// both runs two things at once, the second a moment after the first.
func both(first, second func()) {
	var g sync.WaitGroup
	g.Go(first)
	time.Sleep(50 * time.Millisecond)
	g.Go(second)
	g.Wait()
}

func (s *shop) wants(what, got string, err error, want string) {
	s.Helper()
	if got != want || err != nil {
		s.Errorf("%s: %q, %v; want %q", what, got, err, want)
	}
}

func TestClerks(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s := open(t, b, false, 0)
		got, err := stock.Move(t.Context(), s.desk, ann, "a", "b", 3)
		s.wants("move", got, err, "a: 7, b: 13")
		got, err = stock.Move(t.Context(), s.desk, ben, "b", "a", 13)
		s.wants("move back", got, err, "b: 0, a: 20")
		got, err = stock.Audit(t.Context(), s.desk, cyd, "a", ben, "b")
		s.wants("audit", got, err, "a: 20; ben says b: 0")
		_, err = stock.Move(t.Context(), s.desk, cyd, "b", "a", 1)
		if !errors.Is(err, stock.ErrShort) {
			t.Errorf("more than there is: %v", err)
		}
		for _, shelf := range []string{"a", "", "b\n"} {
			if _, err = stock.Move(t.Context(), s.desk, cyd, "a", shelf, 1); !errors.Is(err, cluster.ErrInvalid) {
				t.Errorf("to %q: %v", shelf, err)
			}
		}
		if _, err := s.desk.Ask(t.Context(), ann, []byte("{")); !errors.Is(err, cluster.ErrInvalid) {
			t.Errorf("no order: %v", err)
		}
		if len(s.crashes) > 0 {
			t.Errorf("crashed: %v", s.crashes)
		}
	})
}

// The three deadlocks: one clerk crashes by its timeout, and the others get on.
// Careful clerks have none.
func TestDeadlocks(t *testing.T) {
	deadlocks := map[string]func(s *shop) (func(), func()){
		"order": func(s *shop) (func(), func()) {
			return func() { _, _ = stock.Move(s.Context(), s.desk, ann, "a", "b", 1) },
				func() { _, _ = stock.Move(s.Context(), s.desk, ben, "b", "a", 1) }
		},
		"call": func(s *shop) (func(), func()) {
			return func() { _, _ = stock.Audit(s.Context(), s.desk, ann, "a", ben, "a") }, func() {}
		},
		"ring": func(s *shop) (func(), func()) {
			return func() { _, _ = stock.Audit(s.Context(), s.desk, ann, "a", ben, "c") },
				func() { _, _ = stock.Audit(s.Context(), s.desk, cyd, "c", ann, "a") }
		},
	}
	for name, deadlock := range deadlocks {
		t.Run(name, func(t *testing.T) {
			brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
				s := open(t, b, false, 100*time.Millisecond)
				both(deadlock(s))
				s.until("a clerk crashed and was replaced", func() bool {
					return slices.Equal(s.crashes, []string{"ann@n1"}) && s.starts == 4 && s.waits == 0
				})
				got, err := stock.Audit(t.Context(), s.desk, ann, "a", cyd, "c")
				want := "a: 10; cyd says c: 10"
				if name == "order" { // ben got on
					want = "a: 11; cyd says c: 10"
				}
				s.wants("afterwards", got, err, want)
			})
			brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
				s := open(t, b, true, 100*time.Millisecond)
				both(deadlock(s))
				got, err := stock.Audit(t.Context(), s.desk, ann, "a", cyd, "c")
				s.wants("afterwards", got, err, "a: 10; cyd says c: 10")
				if len(s.crashes) > 0 {
					t.Errorf("careful clerks crashed: %v", s.crashes)
				}
			})
		})
	}
}

// A clerk whose node is cut off while he holds a shelf loses it to the next, and
// is back with his node.
func TestClerkIsCutOff(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s := open(t, b, false, 100*time.Millisecond)
		both(func() {
			if got, err := stock.Move(t.Context(), s.desk, ann, "a", "b", 1); err == nil {
				t.Errorf("moved by one who was cut off: %s", got)
			}
		}, func() {
			s.cut["n1"]()
			got, err := stock.Move(t.Context(), s.desk, ben, "b", "a", 1)
			s.wants("the next", got, err, "b: 9, a: 11")
		})
		s.retry("ann is back", func() bool {
			got, err := stock.Count(t.Context(), s.desk, ann, "a")
			return got == "a: 11" && err == nil
		})
	})
}

// retry tries until something succeeds.
func (s *shop) retry(what string, ok func() bool) {
	s.Helper()
	for range 100 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.Fatalf("it never came to pass: %s", what)
}
