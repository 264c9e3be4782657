package chokepoint_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/chokepoint"
	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	timeout  = time.Second
	lifetime = 1500 * time.Millisecond
)

// onEach runs the test on either broker, with three nodes.
func onEach(t *testing.T, change func(*chokepoint.Config), test func(s *system)) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b, change)
		for _, name := range []string{"n1", "n2", "n3"} {
			s.start(name)
		}
		s.see("n1", "n2", "n3")
		test(s)
	}, "chokepoint")
}

// system is nodes and a client.
type system struct {
	*testing.T
	*chokepoint.Client
	broker   brokertest.Broker
	change   func(*chokepoint.Config)
	nodes    map[string]*chokepoint.Node
	networks map[string]*brokertest.Network // of the nodes and the client

	mu      sync.Mutex
	starts  map[string]int // of each worker, ever
	gone    []string
	crashes []string
	atWork  map[string]int // requests that a worker works on
	serial  bool           // none ever worked on two
}

func newSystem(t *testing.T, b brokertest.Broker, change func(*chokepoint.Config)) *system {
	s := &system{
		T: t, broker: b, change: change, nodes: make(map[string]*chokepoint.Node), networks: make(map[string]*brokertest.Network),
		starts: make(map[string]int), atWork: make(map[string]int), serial: true,
	}
	conn, err := amqprpc.Dial(t.Context(), amqprpc.Config{URL: b.URL, Dial: s.dial("caller"), Name: "caller"})
	if err != nil {
		t.Fatal(err)
	}
	s.Client = chokepoint.NewClient(conn, chokepoint.ClientConfig{Name: "caller", Timeout: 2 * timeout})
	t.Cleanup(func() {
		s.Close()
		conn.Close()
	})
	return s
}

// start starts a node that ends with the test.
func (s *system) start(name string) {
	s.Helper()
	cfg := s.config(name)
	cfg.Dial = s.dial(name)
	n, err := chokepoint.Start(s.Context(), cfg)
	if err != nil {
		s.Fatalf("Start: %v", err)
	}
	s.nodes[name] = n
	s.Cleanup(n.Stop)
}

// kill ends a node's connections for good, as the end of its OS process does.
func (s *system) kill(node string) { s.networks[node].Cut() }

// dial returns what connects a part of the system over a network of its own.
func (s *system) dial(name string) func(network, addr string) (net.Conn, error) {
	s.networks[name] = brokertest.NewNetwork(s.broker.Dial)
	return s.networks[name].Dial
}

// drop cuts all connections.
func (s *system) drop() {
	for _, n := range s.networks {
		n.Drop()
	}
}

func (s *system) config(name string) chokepoint.Config {
	cfg := chokepoint.Config{
		Node: name, URL: s.broker.URL, Dial: s.broker.Dial, Lifetime: lifetime, Timeout: timeout,
		Hooks: chokepoint.Hooks{
			Hooks: hooks.Hooks{
				Started: func(w string) { s.note(func() { s.starts[w]++ }) },
				Crashed: func(w string, _ error) { s.note(func() { s.crashes = append(s.crashes, w) }) },
			},
			Gone: func(w string) { s.note(func() { s.gone = append(s.gone, w) }) },
		},
	}
	if s.change != nil {
		s.change(&cfg)
	}
	return cfg
}

func (s *system) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// until waits for a condition, which is called with the lock held.
func (s *system) until(what string, condition func() bool) {
	s.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		ok := condition()
		s.mu.Unlock()
		if ok {
			return
		}
	}
	s.Fatalf("it never came to pass: %s", what)
}

// see waits until all nodes list the same ones.
func (s *system) see(nodes ...string) {
	s.Helper()
	s.until("all see "+strings.Join(nodes, ", "), func() bool {
		for _, name := range nodes {
			if !slices.Equal(s.nodes[name].Nodes(), nodes) {
				return false
			}
		}
		return true
	})
}

// wants asks for a key and checks where its worker is.
func (s *system) wants(node, key, at, insteadOf string) chokepoint.Value {
	s.Helper()
	v, err := s.Get(s.Context(), node, key)
	if err != nil || v.Key != key || v.Node != at || v.InsteadOf != insteadOf || v.Number < 1 || v.Number > 1000 {
		s.Errorf("get %s at %s = %+v, %v; want it of %s instead of %q", key, node, v, err, at, insteadOf)
	}
	return v
}

// A key has one worker, at the node that it chooses, whoever is asked; keys that
// share a node have values of their own.
func TestOneWorkerForEachKey(t *testing.T) {
	onEach(t, nil, func(s *system) {
		first := s.wants("n1", "1", "n2", "")
		for _, node := range []string{"n2", "n3", "n1"} {
			if v := s.wants(node, "1", "n2", ""); v != first {
				s.Errorf("%s answers %v, n1 answered %v", node, v, first)
			}
		}
		numbers := []int{first.Number}
		for _, key := range []string{"4", "7", "10"} {
			numbers = append(numbers, s.wants("n3", key, "n2", "").Number)
		}
		if len(slices.Compact(numbers)) == 1 {
			s.Errorf("all keys have the same number: %v", numbers)
		}
		s.wants("n1", "0", "n1", "")
		s.wants("n1", "2", "n3", "")
		if v, err := s.Get(s.Context(), "n1", "a word"[2:]); err != nil || v.Key != "word" {
			s.Errorf("get word = %v, %v", v, err)
		}
		if nodes, err := s.Nodes(s.Context(), "n2"); err != nil || !slices.Equal(nodes, []string{"n1", "n2", "n3"}) {
			s.Errorf("n2 lists %v, %v", nodes, err)
		}
	})
}

// Many first requests at all nodes start one worker, which works on one at a time.
func TestSerial(t *testing.T) {
	var s *system
	work := func(key string) time.Duration {
		s.note(func() {
			s.atWork[key]++
			s.serial = s.serial && s.atWork[key] == 1
		})
		time.Sleep(5 * time.Millisecond)
		s.note(func() { s.atWork[key]-- })
		return 0
	}
	onEach(t, func(cfg *chokepoint.Config) { cfg.Work = func(key string) time.Duration { return work(key) } }, func(now *system) {
		s = now
		var g sync.WaitGroup
		for i := range 30 {
			g.Go(func() { s.wants([]string{"n1", "n2", "n3"}[i%3], "1", "n2", "") })
		}
		g.Wait()
		if s.starts["key_1@n2"] != 1 || len(s.starts) != 1 || !s.serial {
			s.Errorf("started: %v; one at a time: %t", s.starts, s.serial)
		}
	})
}

// After its lifetime a worker is gone, and the next request starts another; until
// then it is used, whoever joins or leaves.
func TestLifetime(t *testing.T) {
	onEach(t, nil, func(s *system) {
		first := s.wants("n1", "2", "n3", "")
		s.nodes["n1"].Stop()
		s.start("n4")
		s.start("n5")
		s.see("n2", "n3", "n4", "n5")
		v, err := s.Get(s.Context(), "n2", "2")
		lives := false // on a machine on which nodes take long to start, perhaps no more
		s.note(func() { lives = !slices.Contains(s.gone, "key_2@n3") })
		if lives && (v != first || err != nil) || !lives && s.broker.Embedded != nil {
			s.Errorf("answers %v, %v while the worker lives, it was %v", v, err, first)
		}
		s.until("the worker is gone", func() bool { return slices.Contains(s.gone, "key_2@n3") })
		s.wants("n2", "2", "n4", "")
	})
}

// When the node fails that has a worker, or should have, the request is served
// where it was asked, and the answer says so.
func TestNodeFails(t *testing.T) {
	slow := func(cfg *chokepoint.Config) {
		cfg.Work = func(string) time.Duration { return timeout / 4 }
	}
	onEach(t, slow, func(s *system) {
		asked := make(chan chokepoint.Value)
		go func() { asked <- s.wants("n1", "1", "n1", "n2") }()
		s.until("the worker is there", func() bool { return s.starts["key_1@n2"] == 1 })
		s.kill("n2") // while it works on the request
		<-asked
	})
	onEach(t, slow, func(s *system) {
		s.kill("n2") // before anybody knows
		if v, err := s.Get(s.Context(), "n1", "1"); err != nil || v.Node == "n2" {
			s.Errorf("get 1 at n1 = %+v, %v", v, err)
		}
	})
	onEach(t, nil, func(s *system) {
		s.nodes["n3"].Refuse(true)
		s.wants("n1", "2", "n1", "n3")
		if _, err := s.Get(s.Context(), "n3", "5"); !errors.Is(err, chokepoint.ErrRefused) {
			s.Errorf("get 5 at n3, which refuses: %v", err)
		}
	})
}

func TestBadInput(t *testing.T) {
	onEach(t, nil, func(s *system) {
		for _, key := range []string{"", strings.Repeat("1", 61), "a/b", "a b", "\x00", "\xff"} {
			if _, err := s.Get(s.Context(), "n1", key); !errors.Is(err, chokepoint.ErrInvalid) {
				s.Errorf("get %q: %v", key, err)
			}
		}
		if _, err := s.Sum(s.Context(), "n1", "1", "1"); !errors.Is(err, chokepoint.ErrInvalid) {
			s.Errorf("sum of 1 with itself: %v", err)
		}
		if _, err := s.Get(s.Context(), "n4", "1"); !errors.Is(err, chokepoint.ErrNodeDown) {
			s.Errorf("get at an unknown node: %v", err)
		}
		if _, err := chokepoint.Start(s.Context(), s.config("n1")); !errors.Is(err, chokepoint.ErrNameTaken) {
			s.Errorf("a second n1: %v", err)
		}
		if _, err := chokepoint.Start(s.Context(), chokepoint.Config{Lifetime: -1}); !errors.Is(err, chokepoint.ErrInvalid) {
			s.Errorf("a negative lifetime: %v", err)
		}
	})
}

// Sums that cross crash both workers, and the next requests start others. Added
// up outside of the workers, they do not.
func TestCrossingSums(t *testing.T) {
	for _, outside := range []bool{false, true} {
		change := func(cfg *chokepoint.Config) {
			cfg.Outside, cfg.Lifetime = outside, time.Minute
			cfg.Work = func(string) time.Duration { return timeout / 5 }
		}
		onEach(t, change, func(s *system) {
			one, two := s.wants("n1", "1", "n2", ""), s.wants("n1", "2", "n3", "")
			var g sync.WaitGroup
			for _, keys := range [][2]string{{"1", "2"}, {"2", "1"}} {
				g.Go(func() {
					v, err := s.Sum(s.Context(), "n1", keys[0], keys[1])
					switch {
					case outside && (err != nil || v.Number != one.Number+two.Number):
						s.Errorf("sum %v = %+v, %v", keys, v, err)
					case !outside && !errors.Is(err, chokepoint.ErrTimeout):
						s.Errorf("sum %v = %+v, %v", keys, v, err)
					}
				})
			}
			g.Wait()
			if !outside {
				s.until("both crashed", func() bool { return len(s.crashes) >= 2 })
			}
			s.wants("n3", "1", "n2", "")
		})
	}
}

// Whenever connections are cut, a request is answered or fails with an error, and
// the next ones are answered.
func TestConnectionsCut(t *testing.T) {
	onEach(t, nil, func(s *system) {
		rounds := 20
		if s.broker.Embedded == nil { // no bubble: to connect takes longer each time
			rounds = 5
		}
		for i := range rounds {
			cut := time.AfterFunc(time.Duration(i)*200*time.Microsecond, s.drop)
			_, _ = s.Get(s.Context(), "n1", "1")
			cut.Stop()
			ctx, done := context.WithTimeout(s.Context(), 20*time.Second)
			for _, err := s.Get(ctx, "n1", "1"); err != nil; _, err = s.Get(ctx, "n1", "1") {
				if ctx.Err() != nil {
					s.Fatalf("%d: %v", i, err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			done()
		}
	})
}
