package scenario

import (
	"runtime"
	"sync"
	"testing"
)

// TestLibrary plays every shipped scenario 100 times: no deadlock may be missed,
// no verdict false, and all must be as the scenario expects.
func TestLibrary(t *testing.T) {
	runs := uint64(100)
	if raceDetector || testing.Short() {
		runs = 2
	}
	for _, s := range library(t) {
		t.Run(s.Name, func(t *testing.T) { playMany(t, s, runs) })
	}
}

// playMany plays a scenario on all processors.
func playMany(t *testing.T, s *Scenario, runs uint64) {
	t.Helper()
	var all sync.WaitGroup
	lanes := uint64(runtime.GOMAXPROCS(0))
	for lane := range lanes {
		all.Go(func() {
			for seed := lane; seed < runs && !t.Failed(); seed += lanes {
				if r := Play(s, seed); !r.Passed() {
					t.Errorf("seed %d: missed %q, false %q, unexpected %q", seed, r.Missed, r.False, r.Unexpected)
				}
			}
		})
	}
	all.Wait()
}
