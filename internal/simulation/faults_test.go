package simulation

import (
	"testing"
	"time"
)

// A fault of one process lets the bound run anew, and is not in the way of
// reports for as long as it lasts.
func TestDisturbs(t *testing.T) {
	const length = 20 * time.Second
	for kind, want := range map[FaultKind]time.Duration{
		KillProcess: 1, PauseProcess: 1, KillReplica: 1, DropConnection: 1,
		PauseReplica: 9, CutAgent: 9, KillDetector: 9, PauseDetector: 9,
	} {
		f := Fault{At: time.Second, Kind: kind, Lasting: 8 * time.Second}
		if got := f.Disturbs(length); got != (Window{time.Second, want * time.Second}) {
			t.Errorf("fault %d disturbs %v", kind, got)
		}
	}
	if got := (Fault{At: time.Second, Kind: KillDetector}).Disturbs(length); got.To != length {
		t.Errorf("without a detector it is disturbed until %v", got.To)
	}
}
