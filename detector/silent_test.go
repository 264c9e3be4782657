package detector_test

import (
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// TestSilentAgents counts an agent from the end of its lease until it is heard
// again, a later life of it is, or it is forgotten; one that said goodbye never.
func TestSilentAgents(t *testing.T) {
	d, now := detector.New(detector.DefaultConfig()), epochStart
	beats := make(map[report.Agent]uint64)
	hear := func(name string, incarnation uint64, leaving bool) {
		a := report.Agent{Name: name, Incarnation: incarnation}
		beats[a]++
		d.Step(now, detector.Reported{Batch: &report.Batch{Agent: a, Heartbeat: &report.Heartbeat{Seq: beats[a], Leaving: leaving}}})
	}
	pass := func(span time.Duration) {
		for end := now.Add(span); now.Before(end); {
			now = now.Add(100 * time.Millisecond)
			d.Tick(now)
		}
	}
	want := func(heard, silent int) {
		t.Helper()
		if s := d.Stats(); s.Agents != heard || s.Silent != silent {
			t.Errorf("%d agents are heard and %d silent, want %d and %d", s.Agents, s.Silent, heard, silent)
		}
	}
	hear("a", 1, false)
	hear("b", 1, false)
	hear("c", 1, true)
	want(2, 0)
	pass(3 * time.Second)
	want(0, 2)
	hear("a", 1, false)
	want(1, 1)
	hear("b", 2, false)
	want(2, 0)
	pass(3 * time.Second)
	want(0, 2)
	pass(time.Minute)
	want(0, 0)
}
