package endtoend_test

import (
	"context"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

// heartbeat is the interval at which agents repeat themselves.
const heartbeat = 500 * time.Millisecond

// standing makes a deadlock of two processes in two OS processes that stands
// until the test ends.
func standing(s *system) (nodes [2]*node) {
	nodes = [2]*node{s.node("left"), s.node("right")}
	for i, name := range []string{"0", "1"} {
		next := []string{"1", "0"}[i]
		nodes[i].serve(name, 16, does(func(ctx context.Context) error { return nodes[i].call(ctx, next, "") }))
	}
	s.acquaint()
	go nodes[0].call(nodes[0].as("client"), "0", "")
	return nodes
}

// A detector that starts amid a standing deadlock knows it within a heartbeat.
func TestDetectorStartsLate(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		s.blind()
		standing(s)
		time.Sleep(2 * time.Second)
		began := time.Now()
		s.watch()
		if took := s.await(detector.Confirmed).at.Sub(began); s.virtual && took > heartbeat {
			t.Errorf("it took %v", took)
		}
	})
}

// A detector is killed and another started: it says the same.
func TestDetectorKilled(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		standing(s)
		first := s.await(detector.Confirmed)
		s.kill()
		began := time.Now()
		s.watch()
		second := s.await(detector.Confirmed)
		if took := second.at.Sub(began); s.virtual && took > heartbeat {
			t.Errorf("it took %v", took)
		}
		if second.Verdict.ID != first.Verdict.ID {
			t.Errorf("it was %s and became %s", first.Verdict.ID, second.Verdict.ID)
		}
	})
}

// A detector that loses its connection keeps to what it knows.
func TestDetectorDisconnected(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		standing(s)
		first := s.await(detector.Confirmed).Verdict
		s.sight.Drop()
		deadline := time.After(4 * time.Second)
		for heard := 0; ; heard++ {
			a, ok := s.hear(deadline)
			if !ok {
				if heard < 3 {
					t.Errorf("it was repeated %d times", heard)
				}
				return
			}
			if a.Verdict.ID != first.ID || a.Verdict.Status != detector.Confirmed {
				t.Errorf("it became %s %s", a.Verdict.ID, a.Verdict.Status)
			}
		}
	})
}

// All connections are dropped under a standing deadlock, which ends it. The
// system recovers, and the next one is found.
func TestConnectionsDropped(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		nodes := standing(s)
		s.await(detector.Confirmed)
		s.drop()
		s.await(detector.Resolved)
		time.Sleep(3 * time.Second)
		ctx, cancel := context.WithTimeout(nodes[0].as("again"), 4*time.Second)
		defer cancel()
		go nodes[0].call(ctx, "0", "")
		s.await(detector.Confirmed)
	})
}

// An agent stops reporting while its services go on: what it said is void, and
// becomes known again when it reports again.
func TestAgentDies(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		nodes := standing(s)
		first := s.await(detector.Confirmed).Verdict
		nodes[1].reports.Cut()
		if cause := s.await(detector.Resolved).Verdict.Cause; cause != detector.CauseAgentLost {
			t.Errorf("resolved by %s", cause)
		}
		s.silence(2 * time.Second)
		nodes[1].reports.Mend()
		if again := s.await(detector.Confirmed).Verdict; again.ID != first.ID {
			t.Errorf("it was %s and became %s", first.ID, again.ID)
		}
	})
}
