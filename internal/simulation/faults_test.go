package simulation

import (
	"testing"
	"time"
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
