package simulation

import (
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/runlog"
)

// A fault of one process lets the bound run anew, and is not in the way of
// reports for as long as it lasts.
func TestDisturbs(t *testing.T) {
	const length, lasting = 20 * time.Second, 8 * time.Second
	for kind, want := range map[FaultKind]time.Duration{
		KillProcess: 0, PauseProcess: 0, KillReplica: 0, DropConnection: 0,
		PauseReplica: lasting, CutAgent: lasting, KillDetector: lasting, PauseDetector: lasting,
	} {
		f := Fault{At: time.Second, Kind: kind, Lasting: lasting}
		if got := f.Disturbs(length); got != (Window{time.Second, time.Second + want}) {
			t.Errorf("fault %d disturbs %v", kind, got)
		}
	}
	if got := (Fault{At: time.Second, Kind: KillDetector}).Disturbs(length); got.To != length {
		t.Errorf("without a detector it is disturbed until %v", got.To)
	}
}

// Whoever is down when his agent is gone for good comes back unwatched.
func TestUnwatchedAfterwards(t *testing.T) {
	s := &System{
		Replicas: []string{"r", "other"}, Length: time.Second,
		Queues: []Queue{{Name: "q"}}, Processes: []Process{{Name: "p", Queue: 0}, {Name: "o", Replica: 1, Queue: 0}},
		Faults: []Fault{
			{At: 10 * time.Millisecond, Kind: KillProcess, Lasting: 100 * time.Millisecond, Names: []string{"p"}},
			{At: 50 * time.Millisecond, Kind: CutAgent, Names: []string{"r"}},
		},
	}
	var hidden []string
	for _, e := range Play(1, s).Log {
		if e.Kind == runlog.Hide {
			hidden = append(hidden, e.Process)
		}
	}
	if !slices.Equal(hidden, []string{"p"}) {
		t.Errorf("hidden: %q", hidden)
	}
}
