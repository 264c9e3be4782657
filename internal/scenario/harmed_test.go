package scenario

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestHarmed plays made-up scenarios in which processes, replicas, agents and the
// detector are killed, paused and parted at random.
func TestHarmed(t *testing.T) {
	seeds := uint64(1500)
	if testing.Short() {
		seeds = 150
	}
	for seed := range seeds {
		s := Generate(seed, 1+int((seed+1)%7))
		harm(s, rand.New(rand.NewPCG(seed, 5)))
		if r := Play(s, seed); !r.Passed() {
			t.Errorf("seed %d: missed %v, false %v, unexpected %v, after %+v", seed, r.Missed, r.False, r.Unexpected, s.Faults)
		}
	}
}

// harm adds up to three faults to a scenario.
func harm(s *Scenario, rng *rand.Rand) {
	replicas, processes := []string{Sessions}, []string(nil)
	for i := range s.Services {
		replicas = append(replicas, s.Services[i].Replicas...)
		processes = append(processes, s.Services[i].Processes()...)
	}
	kinds := []Fault{
		{Action: Kill, Part: Process},
		{Action: Pause, Part: Process},
		{Action: Kill, Part: Replica},
		{Action: Pause, Part: Replica},
		{Action: Drop, Part: Replica},
		{Action: Kill, Part: Agent},
		{Action: Pause, Part: Agent},
		{Action: Partition, Part: Agent},
		{Action: Kill, Part: Detector},
		{Action: Pause, Part: Detector},
	}
	for range 1 + rng.IntN(3) {
		f := kinds[rng.IntN(len(kinds))]
		f.At = time.Duration(rng.IntN(1000)) * time.Millisecond
		f.Lasting = time.Duration(1+rng.IntN(4000)) * time.Millisecond
		switch f.Part {
		case Detector:
		case Process:
			f.Names = []string{processes[rng.IntN(len(processes))]}
		default:
			f.Names = []string{replicas[rng.IntN(len(replicas))]}
		}
		if f.Action == Kill && rng.IntN(3) == 0 {
			f.Lasting = 0 // for good
		}
		s.Faults = append(s.Faults, f)
	}
}
