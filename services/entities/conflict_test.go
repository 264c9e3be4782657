package entities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/services/entities"
)

const conflict = "name conflict, terminating entity_1"

// separated starts a server here and one apart, each with a process of entity_1
// that was asked to change it: working here, then finalized there.
func separated(s *system, v entities.Variant) (two *entities.Server, here, apart *client) {
	s.start(s.config("one", v, s.place("")))
	two = s.start(s.config("two", v, s.place("apart.")))
	here, apart = s.client(""), s.client("apart.")
	here.sets("one", "entity_1", entities.Working)
	apart.sets("two", "entity_1", entities.Finalized)
	return two, here, apart
}

// connect moves a server and waits until the conflict is resolved: until the
// processes of entity_1 have had their name so many times.
func (s *system) connect(server *entities.Server, starts int) {
	s.Helper()
	if err := server.Connect(s.Context(), s.place("")); err != nil {
		s.Fatalf("Connect: %v", err)
	}
	s.until("the conflict was not resolved", func() bool { return len(s.conflicts) > 0 && s.starts["entity_1"] >= starts })
}

// Unfenced, the survivor answers what it knew before the other's writes.
func TestNaiveConflict(t *testing.T) {
	onEach(t, func(s *system) {
		two, here, _ := separated(s, entities.Variant{Naive: true})
		s.connect(two, 2)
		here.wants("one", "entity_1", entities.Working)
		here.wants("two", "entity_1", entities.Working)
		s.stored("entity_1", entities.Finalized)
		if len(s.conflicts) != 1 || s.conflicts[0] != conflict {
			s.Errorf("conflicts: %q", s.conflicts)
		}
	})
}

// Fenced, the activation whose writes the store would refuse is terminated,
// whichever of the two it is that moves.
func TestConflict(t *testing.T) {
	onEach(t, func(s *system) {
		two, here, _ := separated(s, entities.Variant{})
		s.connect(two, 3)
		here.wants("one", "entity_1", entities.Finalized)
		if e := here.wants("two", "entity_1", entities.Finalized); e.Server != "two" || e.Incarnation != 2 {
			s.Errorf("the survivor is %+v, want the second activation, at two", e)
		}
		if len(s.conflicts) != 1 || s.conflicts[0] != conflict {
			s.Errorf("conflicts: %q", s.conflicts)
		}
	})
	onEach(t, func(s *system) {
		one := s.start(s.config("one", entities.Variant{}, s.place("apart.")))
		s.start(s.config("two", entities.Variant{}, s.place("")))
		s.client("apart.").sets("one", "entity_1", entities.Working)
		here := s.client("")
		here.sets("two", "entity_1", entities.Finalized)
		s.connect(one, 2)
		if e := here.wants("one", "entity_1", entities.Finalized); e.Server != "two" {
			s.Errorf("the survivor is %+v, want the one at two", e)
		}
	})
}

// The stale side is told so, and the next request there goes on with what was
// acknowledged elsewhere.
func TestStaleWriter(t *testing.T) {
	onEach(t, func(s *system) {
		_, here, apart := separated(s, entities.Variant{})
		if _, err := here.Set(s.Context(), "one", "entity_1", entities.Initialized); !errors.Is(err, entities.ErrStale) {
			s.Errorf("a stale write: %v", err)
		}
		s.stored("entity_1", entities.Finalized)
		here.wants("one", "entity_1", entities.Finalized)
		if _, err := apart.Set(s.Context(), "two", "entity_1", entities.Working); !errors.Is(err, entities.ErrStale) {
			s.Errorf("a stale write at the other: %v", err)
		}
		s.stored("entity_1", entities.Finalized)
	})
}

// Servers that connect before any process is there have no conflict.
func TestConnectedFirst(t *testing.T) {
	onEach(t, func(s *system) {
		s.start(s.config("one", entities.Variant{Naive: true}, s.place("")))
		two := s.start(s.config("two", entities.Variant{Naive: true}, s.place("apart.")))
		if err := two.Connect(s.Context(), s.place("")); err != nil {
			s.Fatal(err)
		}
		c := s.client("")
		c.sets("one", "entity_1", entities.Working)
		c.sets("two", "entity_1", entities.Finalized)
		c.wants("one", "entity_1", entities.Finalized)
		if len(s.conflicts) > 0 {
			s.Errorf("conflicts: %q", s.conflicts)
		}
	})
}

// Whenever connections are cut, no acknowledged write is lost: what a caller is
// told to be so is so afterwards, unless a later write was on its way.
func TestConnectionsCut(t *testing.T) {
	onEach(t, func(s *system) {
		s.start(s.config("one", entities.Variant{}, s.place("")))
		s.start(s.config("two", entities.Variant{}, s.place("")))
		c := s.client("")
		states := []entities.State{entities.Initialized, entities.Working, entities.Finalized}
		rounds := 60
		if s.broker.Embedded == nil { // no bubble: to connect takes longer each time
			rounds = 5
		}
		for i := range rounds {
			cut := time.AfterFunc(time.Duration(i%20)*100*time.Microsecond, s.network.Drop)
			server, want := []string{"one", "two"}[i%2], states[i%3]
			_, err := c.Set(s.Context(), server, "entity_1", want)
			cut.Stop()
			if err == nil {
				s.stored("entity_1", want)
			}
			if got := c.eventually(server); err == nil && got != want {
				s.Errorf("%d: set to %s and acknowledged, but it is %s", i, want, got)
			}
		}
	})
}

// eventually returns what a server answers as soon as it can.
func (c *client) eventually(server string) entities.State {
	ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
	defer cancel()
	for {
		e, err := c.Get(ctx, server, "entity_1")
		if err == nil {
			return e.State
		}
		if ctx.Err() != nil {
			c.Fatalf("get at %s: %v", server, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
