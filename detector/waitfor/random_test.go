package waitfor

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestAgainstOracle drives random systems and compares with the oracle after
// each step. A failure prints a trace that can be pasted into testdata.
func TestAgainstOracle(t *testing.T) {
	systems := uint64(3000)
	if testing.Short() {
		systems = 300
	}
	for seed := range systems {
		rng := rand.New(rand.NewPCG(seed, 1))
		w, s := newWorld(), randomShape(rng)
		for range 40 + 4*s.processes {
			must(w.do(s.command(rng)))
			if err := w.checkSome(rng); err != nil {
				t.Fatalf("seed %d: %v\n\n%s", seed, err, w.Trace())
			}
		}
	}
}

// checkSome asks for the cores not always, so that changes pile up.
func (w *world) checkSome(rng *rand.Rand) error {
	if rng.IntN(3) == 0 {
		return w.checkDeadlocked()
	}
	if err := w.check(); err != nil {
		return err
	}
	if len(w.oracle.waits) <= 6 {
		if want := describe(w.oracle.coresByDefinition()); w.cores != want {
			return fmt.Errorf("cores: %v, by definition %v", w.cores, want)
		}
	}
	return nil
}

// shape says what a random system looks like. Few resources make deadlocks,
// many make chains.
type shape struct {
	processes, resources, maxWaits, maxHolds int
}

func randomShape(rng *rand.Rand) shape {
	size := 1 + rng.IntN(10)
	if rng.IntN(8) == 0 {
		size *= 5 // beyond the first budget of a search
	}
	return shape{
		processes: 1 + size,
		resources: 1 + rng.IntN(size+3),
		maxWaits:  1 + rng.IntN(4),
		maxHolds:  1 + rng.IntN(3),
	}
}

func (s shape) command(rng *rand.Rand) command {
	c := command{process: fmt.Sprintf("P%d", rng.IntN(s.processes))}
	resources := func(most int) []string {
		names := make([]string, 1+rng.IntN(most))
		for i := range names {
			names[i] = fmt.Sprintf("r%d", rng.IntN(s.resources))
		}
		return names
	}
	switch n := rng.IntN(100); {
	case n < 38:
		c.verb, c.resources = "block", resources(s.maxWaits)
		c.need = 1 + rng.IntN(len(c.resources))
	case n < 48:
		c.verb = "unblock"
	case n < 83:
		c.verb, c.resources = "hold", resources(s.maxHolds)
	case n < 97:
		c.verb, c.resources = "release", resources(1)
	default:
		c.verb = "remove"
	}
	return c
}
