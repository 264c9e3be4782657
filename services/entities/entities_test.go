package entities_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/entities"
	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// timeout keeps the tests on RabbitMQ short.
const timeout = time.Second

// onEach runs the test on either broker.
func onEach(t *testing.T, test func(s *system)) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) { test(newSystem(t, b)) }, "entities")
}

// system is a store, servers, and a caller in each of their places.
type system struct {
	*testing.T
	broker  brokertest.Broker
	network *brokertest.Network // of all
	store   *entities.Store

	mu        sync.Mutex
	changed   chan struct{}
	starts    map[string]int // of each process, ever
	crashes   []string
	conflicts []string // the words of the log
}

func newSystem(t *testing.T, b brokertest.Broker) *system {
	store, err := entities.OpenStore(filepath.Join(t.TempDir(), "store"), "entity_1", "entity_2")
	if err != nil {
		t.Fatal(err)
	}
	return &system{T: t, broker: b, network: brokertest.NewNetwork(b.Dial), store: store, changed: make(chan struct{}), starts: make(map[string]int)}
}

func (s *system) place(prefix string) entities.Place {
	return entities.Place{URL: s.broker.URL, Dial: s.network.Dial, Prefix: prefix}
}

func (s *system) config(name string, v entities.Variant, place entities.Place) entities.Config {
	return entities.Config{Server: name, Place: place, Store: s.store, Variant: v, Timeout: timeout, Hooks: s.hooks()}
}

// start starts a server that ends with the test.
func (s *system) start(cfg entities.Config) *entities.Server {
	s.Helper()
	server, err := entities.Start(s.Context(), cfg)
	if err != nil {
		s.Fatalf("Start: %v", err)
	}
	s.Cleanup(server.Stop)
	return server
}

func (s *system) hooks() entities.Hooks {
	return entities.Hooks{
		Hooks: hooks.Hooks{
			Started: func(p string) { s.note(func() { s.starts[p]++ }) },
			Crashed: func(p string, _ error) { s.note(func() { s.crashes = append(s.crashes, p) }) },
		},
		Conflict: func(_, text string) { s.note(func() { s.conflicts = append(s.conflicts, text) }) },
	}
}

func (s *system) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// until waits for a condition on what the hooks told.
func (s *system) until(otherwise string, condition func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
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
			s.Fatalf("%s: started %v, crashed %v, conflicts %v", otherwise, s.starts, s.crashes, s.conflicts)
		}
	}
}

// client returns a caller in the place of that prefix.
func (s *system) client(prefix string) *client {
	s.Helper()
	conn, err := amqprpc.Dial(s.Context(), amqprpc.Config{URL: s.broker.URL, Dial: s.network.Dial, Name: "caller"})
	if err != nil {
		s.Fatalf("Dial: %v", err)
	}
	c := entities.NewClient(conn, entities.ClientConfig{Name: "caller", Prefix: prefix, Timeout: timeout})
	s.Cleanup(func() {
		c.Close()
		conn.Close()
	})
	return &client{Client: c, system: s}
}

type client struct {
	*entities.Client
	*system
}

// wants checks what a server answers to get.
func (c *client) wants(server, id string, want entities.State) entities.Entity {
	c.Helper()
	e, err := c.Get(c.Context(), server, id)
	if err != nil || e.ID != id || e.State != want {
		c.Errorf("get %s at %s = %+v, %v; want %s", id, server, e, err, want)
	}
	return e
}

func (c *client) sets(server, id string, state entities.State) entities.Entity {
	c.Helper()
	e, err := c.Set(c.Context(), server, id, state)
	if err != nil || e.State != state {
		c.Errorf("set %s to %s at %s = %+v, %v", id, state, server, e, err)
	}
	return e
}

// stored checks what the store knows.
func (s *system) stored(id string, want entities.State) {
	s.Helper()
	if r, err := s.store.Load(id); err != nil || r.State != want {
		s.Errorf("the store has %s as %+v, %v; want %s", id, r, err, want)
	}
}

// With a process of its own at each server they diverge, and that they can see
// each other changes nothing.
func TestPerServerDiverges(t *testing.T) {
	onEach(t, func(s *system) {
		v := entities.Variant{Registration: entities.PerServer}
		s.start(s.config("one", v, s.place("")))
		two := s.start(s.config("two", v, s.place("apart.")))
		c, apart := s.client(""), s.client("apart.")
		c.wants("one", "entity_1", entities.Initialized)
		apart.wants("two", "entity_1", entities.Initialized)
		c.sets("one", "entity_1", entities.Working)
		apart.sets("two", "entity_1", entities.Finalized)
		if err := two.Connect(s.Context(), s.place("")); err != nil {
			s.Fatalf("Connect: %v", err)
		}
		c.wants("one", "entity_1", entities.Working)
		c.wants("two", "entity_1", entities.Finalized)
	})
}

// Reading the store each time keeps two processes of one entity alike.
func TestReadStoreAgrees(t *testing.T) {
	onEach(t, func(s *system) {
		v := entities.Variant{Registration: entities.ReadStore}
		s.start(s.config("one", v, s.place("")))
		s.start(s.config("two", v, s.place("")))
		c := s.client("")
		c.sets("one", "entity_1", entities.Working)
		c.sets("two", "entity_1", entities.Finalized)
		c.wants("one", "entity_1", entities.Finalized)
		c.wants("two", "entity_1", entities.Finalized)
	})
}

// Registered in the whole cluster there is one process, whoever is asked, and
// after a full restart the next request starts it again.
func TestClusterWideAgreesAndRestarts(t *testing.T) {
	onEach(t, func(s *system) {
		one := s.start(s.config("one", entities.Variant{}, s.place("")))
		two := s.start(s.config("two", entities.Variant{}, s.place("")))
		c := s.client("")
		c.sets("one", "entity_1", entities.Working)
		if e := c.wants("two", "entity_1", entities.Working); e.Server != "one" || e.Incarnation != 1 {
			s.Errorf("answered by %+v, want the first activation, at one", e)
		}
		c.sets("two", "entity_1", entities.Finalized)
		c.wants("one", "entity_1", entities.Finalized)
		one.Stop()
		two.Stop()
		s.start(s.config("two", entities.Variant{}, s.place("")))
		if e := c.wants("two", "entity_1", entities.Finalized); e.Server != "two" || e.Incarnation != 2 {
			s.Errorf("answered by %+v, want the second activation, at two", e)
		}
	})
}

// A server that dies takes its processes along; the next request starts them at
// another, with all that was acknowledged.
func TestTakeover(t *testing.T) {
	onEach(t, func(s *system) {
		one := s.start(s.config("one", entities.Variant{}, s.place("")))
		s.start(s.config("two", entities.Variant{}, s.place("")))
		c := s.client("")
		c.sets("one", "entity_1", entities.Working)
		one.Stop()
		if e := c.wants("two", "entity_1", entities.Working); e.Server != "two" {
			s.Errorf("answered by %+v, want two", e)
		}
	})
}

// Many first requests at both servers start one process.
func TestStartedOnce(t *testing.T) {
	onEach(t, func(s *system) {
		s.start(s.config("one", entities.Variant{}, s.place("")))
		s.start(s.config("two", entities.Variant{}, s.place("")))
		c := s.client("")
		var g sync.WaitGroup
		for i := range 20 {
			g.Go(func() { c.wants([]string{"one", "two"}[i%2], "entity_2", entities.Initialized) })
		}
		g.Wait()
		if s.starts["entity_2"] != 1 {
			s.Errorf("entity_2 was started %d times", s.starts["entity_2"])
		}
	})
}

func TestBadInput(t *testing.T) {
	onEach(t, func(s *system) {
		s.start(s.config("one", entities.Variant{}, s.place("")))
		c := s.client("")
		long := strings.Repeat("x", 61)
		for name, ask := range map[error]func() error{
			entities.ErrUnknownEntity: func() error { _, err := c.Get(s.Context(), "one", "entity_3"); return err },
			entities.ErrIllegalState:  func() error { _, err := c.Set(s.Context(), "one", "entity_1", "asleep"); return err },
			entities.ErrInvalid:       func() error { _, err := c.Get(s.Context(), "one", long); return err },
			entities.ErrNoServer:      func() error { _, err := c.Get(s.Context(), "three", "entity_1"); return err },
		} {
			if err := ask(); !errors.Is(err, name) {
				s.Errorf("error %v, want %v", err, name)
			}
		}
		for _, with := range []string{"entity_1", "", "a/b"} {
			if _, err := c.Update(s.Context(), "one", "entity_1", with, entities.Working); !errors.Is(err, entities.ErrInvalid) {
				s.Errorf("update with %q: %v", with, err)
			}
		}
		if _, err := c.Update(s.Context(), "one", "entity_1", "entity_3", entities.Working); !errors.Is(err, entities.ErrUnknownEntity) {
			s.Errorf("update with an unknown entity: %v", err)
		}
		c.wants("one", "entity_1", entities.Initialized)
		if len(s.crashes) > 0 {
			s.Errorf("crashed: %v", s.crashes)
		}
	})
}

func TestServerNameIsTaken(t *testing.T) {
	onEach(t, func(s *system) {
		s.start(s.config("one", entities.Variant{}, s.place("")))
		if _, err := entities.Start(s.Context(), s.config("one", entities.Variant{}, s.place(""))); !errors.Is(err, entities.ErrNameTaken) {
			s.Errorf("Start = %v", err)
		}
		apart := s.start(s.config("one", entities.Variant{}, s.place("apart.")))
		if err := apart.Connect(s.Context(), s.place("")); !errors.Is(err, entities.ErrNameTaken) {
			s.Errorf("Connect = %v", err)
		}
		s.client("apart.").wants("one", "entity_1", entities.Initialized)
	})
}

// Two updates that cross crash both processes; they start again and nothing was
// written. In order they do not.
func TestCrossingUpdates(t *testing.T) {
	onEach(t, func(s *system) {
		for _, ordered := range []bool{false, true} {
			prefix := map[bool]string{false: "", true: "ordered."}[ordered]
			cfg := s.config("one", entities.Variant{Ordered: ordered}, s.place(prefix))
			cfg.Work = timeout / 4
			s.start(cfg)
			c := s.client(prefix)
			c.wants("one", "entity_1", entities.Initialized)
			c.wants("one", "entity_2", entities.Initialized)
			var g sync.WaitGroup
			errs := make([]error, 2)
			g.Go(func() { _, errs[0] = c.Update(s.Context(), "one", "entity_1", "entity_2", entities.Working) })
			g.Go(func() { _, errs[1] = c.Update(s.Context(), "one", "entity_2", "entity_1", entities.Working) })
			g.Wait()
			if ordered {
				if err := errors.Join(errs...); err != nil {
					s.Errorf("in order: %v", err)
				}
				c.wants("one", "entity_1", entities.Working)
				c.wants("one", "entity_2", entities.Working)
				continue
			}
			for _, err := range errs {
				if !errors.Is(err, entities.ErrTimeout) {
					s.Errorf("crossing: %v", err)
				}
			}
			s.until("not both crashed and came back", func() bool {
				return slices.Contains(s.crashes, "entity_1") && slices.Contains(s.crashes, "entity_2") &&
					s.starts["entity_1"] == 2 && s.starts["entity_2"] == 2
			})
			c.wants("one", "entity_1", entities.Initialized)
			c.wants("one", "entity_2", entities.Initialized)
		}
	})
}
