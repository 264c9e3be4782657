package stock_test

import (
	"context"
	"crypto/rand"
	"errors"
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

const (
	// timeout is that of clerks who wait in vain.
	timeout = time.Second
	// patience is that of those who are to be answered.
	patience = 20 * timeout
)

var (
	ann = cluster.Address{Name: "ann", Node: "n1"}
	ben = cluster.Address{Name: "ben", Node: "n2"}
	cyd = cluster.Address{Name: "cyd", Node: "n3"}
)

// shop is three clerks on a node each, and a desk at which they are asked.
type shop struct {
	*testing.T
	desk     *cluster.Node
	nodes    map[string]*cluster.Node
	networks map[string]*brokertest.Network // of the nodes

	mu      sync.Mutex
	changed chan struct{}
	starts  int
	crashes []string
	waits   int
}

// works is what clerks do at a shelf before they need anything else.
type works map[cluster.Address]func(context.Context)

// open opens a shop whose clerks wait so long for each other, and twice as long for
// locks.
func open(t *testing.T, b brokertest.Broker, careful bool, timeout time.Duration, work works) *shop {
	if b.Embedded == nil { // no bubble: shops do not see each other
		t.Parallel()
	}
	s := &shop{T: t, nodes: make(map[string]*cluster.Node), networks: make(map[string]*brokertest.Network), changed: make(chan struct{})}
	name := "stock-" + rand.Text()[:8]
	s.desk = s.node(b, name, "desk", patience)
	for _, a := range []cluster.Address{ann, ben, cyd} {
		node := s.node(b, name, a.Node, timeout)
		var clerk sync.WaitGroup
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		t.Cleanup(func() {
			stop()
			clerk.Wait()
		})
		clerk.Go(func() {
			err := stock.Run(ctx, stock.Config{
				Node: node, Name: a.Name, Careful: careful, Timeout: 2 * timeout, Work: work[a], Hooks: s.hooks(),
			})
			if !errors.Is(err, context.Canceled) && !errors.Is(err, cluster.ErrStopped) {
				t.Errorf("%s: %v", a, err)
			}
		})
	}
	s.until("all clerks are there", func() bool { return s.starts == 3 })
	return s
}

func (s *shop) node(b brokertest.Broker, clusterName, name string, timeout time.Duration) *cluster.Node {
	s.Helper()
	s.networks[name] = brokertest.NewNetwork(b.Dial)
	node, err := cluster.Start(s.Context(), cluster.Config{
		Cluster: clusterName, Node: name, URL: b.URL, Dial: s.networks[name].Dial, CallTimeout: timeout,
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(node.Stop)
	s.nodes[name] = node
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

// both runs two things at once, the second once begun is closed.
func both(begun <-chan struct{}, first, second func()) {
	var g sync.WaitGroup
	g.Go(first)
	<-begun
	g.Go(second)
	g.Wait()
}

// meeting is work of two clerks: begun is closed when the first is at it, who is
// done when the second is, too. Who is done first waits longest, and so crashes
// alone. Afterwards both work no more.
func meeting() (begun <-chan struct{}, first, second func(context.Context)) {
	one, two := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(one) })
	return one, func(ctx context.Context) {
			begin()
			select {
			case <-two:
			case <-ctx.Done():
			}
		}, func(ctx context.Context) {
			select {
			case <-two:
			default:
				close(two)
				busy(timeout / 2)(ctx)
			}
		}
}

func (s *shop) wants(what, got string, err error, want string) {
	s.Helper()
	if got != want || err != nil {
		s.Errorf("%s: %q, %v; want %q", what, got, err, want)
	}
}

func TestClerks(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s := open(t, b, false, patience, nil)
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
			return func() { _, _ = stock.Audit(s.Context(), s.desk, ann, "a", ben, "a") },
				func() { _, _ = stock.Move(s.Context(), s.desk, cyd, "c", "d", 1) } // who is in nobody's way
		},
		"ring": func(s *shop) (func(), func()) {
			return func() { _, _ = stock.Audit(s.Context(), s.desk, ann, "a", ben, "c") },
				func() { _, _ = stock.Audit(s.Context(), s.desk, cyd, "c", ann, "a") }
		},
	}
	for name, deadlock := range deadlocks {
		t.Run(name, func(t *testing.T) {
			brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
				begun, one, two := meeting()
				s := open(t, b, false, timeout, works{ann: one, ben: two, cyd: two})
				first, second := deadlock(s)
				both(begun, first, second)
				s.until("a clerk crashed and was replaced", func() bool {
					return slices.Equal(s.crashes, []string{"ann@n1"}) && s.starts == 4 && s.waits == 0
				})
				got, err := stock.Audit(t.Context(), s.desk, ann, "a", cyd, "b")
				want := "a: 10; cyd says b: 10"
				if name == "order" { // ben got on
					want = "a: 11; cyd says b: 9"
				}
				s.wants("afterwards", got, err, want)
			})
			brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
				s := open(t, b, true, patience, works{ann: busy(timeout / 10), ben: busy(timeout / 10), cyd: busy(timeout / 10)})
				begun := make(chan struct{})
				close(begun)
				first, second := deadlock(s)
				both(begun, first, second)
				got, err := stock.Audit(t.Context(), s.desk, ann, "a", cyd, "b")
				s.wants("afterwards", got, err, "a: 10; cyd says b: 10")
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
		begun := make(chan struct{})
		begin := sync.OnceFunc(func() { close(begun) })
		s := open(t, b, false, patience, works{ann: func(ctx context.Context) {
			begin()
			<-ctx.Done()
		}})
		both(begun, func() {
			if got, err := stock.Move(t.Context(), s.desk, ann, "a", "b", 1); err == nil {
				t.Errorf("moved by one who was cut off: %s", got)
			}
		}, func() {
			s.networks["n1"].Drop()
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
