package detector_test

import (
	"testing"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// TestPartOfTheCompleteSet ends the waits that a part of an agent's complete set
// omits, and no others.
func TestPartOfTheCompleteSet(t *testing.T) {
	a := report.Agent{Name: "a", Incarnation: 1}
	for part, want := range map[report.Part]int{
		{}:                     0,
		{After: 2}:             2,
		{Through: 2}:           2,
		{After: 1, Through: 3}: 2,
		{After: 4}:             4,
	} {
		d := detector.New(detector.DefaultConfig())
		b := &report.Batch{Agent: a}
		for n := range uint64(4) {
			b.States = append(b.States, report.State{
				Key: report.Key{Agent: a, Process: "p", Activation: n + 1}, Epoch: 1, Seq: 1,
				Waits: []report.Wait{{Resource: "lock", Kind: report.Lock}}, Need: 1,
			})
		}
		d.Step(epochStart, detector.Reported{Batch: b})
		d.Step(epochStart, detector.Reported{Batch: &report.Batch{Agent: a, Heartbeat: &report.Heartbeat{Seq: 1, Complete: true, Part: part}}})
		got := 0
		for _, p := range d.Snapshot().Processes {
			if len(p.Waits) > 0 {
				got++
			}
		}
		if got != want {
			t.Errorf("%+v leaves %d of 4 blocked, want %d", part, got, want)
		}
	}
}
