package live

import (
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

// TestGenerated plays scenarios that are made up: no deadlock may be missed, and
// no verdict false.
func TestGenerated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := embedded(t)
		var all sync.WaitGroup
		var played, deadlocked atomic.Int32
		for seed := range uint64(400) {
			one := scenario.Generate(seed, 1+int(seed%8)) //nolint:gosec // at most 8
			if Supported(one) != nil {
				continue
			}
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
		if played.Load() < 100 || deadlocked.Load() < 50 {
			t.Errorf("%d were played and %d of them deadlocked: too few to show anything", played.Load(), deadlocked.Load())
		}
	})
}
