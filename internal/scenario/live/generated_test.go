package live

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/internal/scenario"
)

// embedded returns a stage with a broker of its own, for a test in a bubble.
func embedded(t *testing.T) *Stage {
	t.Helper()
	broker := minibroker.New()
	t.Cleanup(func() { _ = broker.Close() })
	s, err := Open(t.Context(), Config{URL: "amqp://guest:guest@embedded/", Dial: broker.Dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// played plays a scenario in a bubble, alone.
func played(t *testing.T, text string) *scenario.Run {
	t.Helper()
	one, err := scenario.Parse("it", []byte("# It.\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := embedded(t).Play(t.Context(), one, 1)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// vary makes some services reentrant, and lets workers take as many requests ahead
// as chance has it.
func vary(s *scenario.Scenario, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range s.Services {
		one := &s.Services[i]
		if one.Consumers() > 1 {
			one.Prefetch = rng.IntN(4)
		} else {
			one.Reentrant = rng.IntN(3) == 0
		}
	}
}

// made returns how many scenarios are made up of so many: fewer under the race
// detector, which crashes (a full StackDepot) after some hundreds in one process.
func made(many int) int {
	if raceDetector {
		return many / 5
	}
	return many
}

// TestGenerated plays scenarios that are made up: no deadlock may be missed, and
// no verdict false.
func TestGenerated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := embedded(t)
		var all sync.WaitGroup
		var played, deadlocked atomic.Int32
		many := made(400)
		for i := range many {
			seed := uint64(i)                             //nolint:gosec // not negative
			one := scenario.Generate(seed, 1+int(seed%8)) //nolint:gosec // at most 8
			vary(one, seed)
			all.Go(func() {
				r, err := s.Play(t.Context(), one, seed)
				switch {
				case err != nil:
					t.Error(err)
					return
				case !r.Passed():
					t.Errorf("seed %d: missed %q, false %q, unexpected %q", seed, r.Missed, r.False, r.Unexpected)
				case r.Deadlocked:
					deadlocked.Add(1)
				}
				played.Add(1)
			})
			time.Sleep(apart)
		}
		all.Wait()
		if int(played.Load()) < many || int(deadlocked.Load()) < many*3/8 {
			t.Errorf("%d were played and %d of them deadlocked: too few to show anything", played.Load(), deadlocked.Load())
		}
	})
}

// harm lets one to three things go wrong, for a time or, where something is
// killed, perhaps for good.
func harm(s *scenario.Scenario, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	replicas, processes := []string{scenario.Sessions}, []string(nil)
	for i := range s.Services {
		replicas = append(replicas, s.Services[i].Replicas...)
		processes = append(processes, s.Services[i].Processes()...)
	}
	kinds := slices.SortedFunc(maps.Keys(troubles), func(a, b what) int {
		return cmp.Or(strings.Compare(string(a.action), string(b.action)), strings.Compare(string(a.part), string(b.part)))
	})
	for range 1 + rng.IntN(3) {
		kind := kinds[rng.IntN(len(kinds))]
		f := scenario.Fault{
			Action: kind.action, Part: kind.part,
			At: time.Duration(rng.IntN(1000)) * time.Millisecond, Lasting: time.Duration(1+rng.IntN(4000)) * time.Millisecond,
		}
		switch kind.part {
		case scenario.Detector:
		case scenario.Process:
			f.Names = []string{processes[rng.IntN(len(processes))]}
		default:
			f.Names = []string{replicas[rng.IntN(len(replicas))]}
		}
		if kind.action == scenario.Kill && rng.IntN(3) == 0 {
			f.Lasting = 0
		}
		s.Faults = append(s.Faults, f)
	}
}

// TestHarmed plays scenarios that are made up, in which things go wrong.
func TestHarmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := embedded(t)
		lanes := make(chan struct{}, 10)
		var all sync.WaitGroup
		var deadlocked atomic.Int32
		many := made(60)
		for i := range many {
			seed := uint64(i)                             //nolint:gosec // not negative
			one := scenario.Generate(seed, 1+int(seed%6)) //nolint:gosec // at most 6
			vary(one, seed)
			harm(one, seed)
			lanes <- struct{}{}
			all.Go(func() {
				defer func() { <-lanes }()
				r, err := s.Play(t.Context(), one, seed)
				switch {
				case err != nil:
					t.Errorf("seed %d: %v", seed, err)
				case !r.Passed():
					t.Errorf("seed %d: missed %q, false %q, unexpected %q; faults %+v", seed, r.Missed, r.False, r.Unexpected, one.Faults)
				case r.Deadlocked:
					deadlocked.Add(1)
				}
			})
		}
		all.Wait()
		if int(deadlocked.Load()) < many/3 {
			t.Errorf("%d deadlocked: too few to show anything", deadlocked.Load())
		}
	})
}
