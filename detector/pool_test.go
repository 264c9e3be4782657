package detector_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// TestLastWorkerAmidMany has a pool come to its last worker while thousands wait: for
// the pool, or in it for the server that has asked it. Each tick sees that.
func TestLastWorkerAmidMany(t *testing.T) {
	const many = 3000
	pool, other := report.Destination{Key: "pool"}, report.Destination{Key: "other"}
	t.Run("clients", func(t *testing.T) {
		p := newCrowdedPool(3)
		p.waits("w:0", "elsewhere", other)
		for i := range many {
			p.waits(fmt.Sprintf("client:%d", i), fmt.Sprint(i), pool)
		}
		p.waits("w:1", "own", pool)
		p.warns(t)
	})
	t.Run("workers", func(t *testing.T) {
		p := newCrowdedPool(many + 1)
		var owed []string
		for i := range many {
			p.waits(fmt.Sprintf("w:%d", i), fmt.Sprint(i), other)
			owed = append(owed, fmt.Sprint(i))
		}
		p.waits("server", "nested", pool, owed...)
		p.warns(t)
	})
}

// crowdedPool is one agent with a pool of workers w:0, w:1 and so on.
type crowdedPool struct {
	d     *detector.Detector
	now   time.Time
	agent report.Agent
}

func newCrowdedPool(workers int) *crowdedPool {
	p := &crowdedPool{d: detector.New(detector.DefaultConfig()), now: epochStart, agent: report.Agent{Name: "a", Incarnation: 1}}
	h := &report.Heartbeat{Seq: 1}
	for i := range workers {
		h.Members = append(h.Members, report.Member{Key: p.key(fmt.Sprintf("w:%d", i)), Queue: "pool"})
	}
	p.d.Step(p.now, detector.Reported{Batch: &report.Batch{Agent: p.agent, Heartbeat: h}})
	return p
}

func (p *crowdedPool) key(process string) report.Key {
	return report.Key{Agent: p.agent, Process: process, Activation: 1}
}

// waits reports that a process waits for a reply, and owes others.
func (p *crowdedPool) waits(process, reply string, at report.Destination, owes ...string) {
	s := report.State{
		Key: p.key(process), Epoch: 1, Seq: 1, Need: 1,
		Waits: []report.Wait{{Resource: report.Resource(reply), Kind: report.Reply, Destination: at}},
	}
	for _, o := range owes {
		s.Holds = append(s.Holds, report.Hold{Resource: report.Resource(o), Kind: report.Reply})
	}
	p.d.Step(p.now, detector.Reported{Batch: &report.Batch{Agent: p.agent, States: []report.State{s}}})
}

func (p *crowdedPool) warns(t *testing.T) {
	t.Helper()
	for i := range 20 {
		p.now = p.now.Add(20 * time.Millisecond)
		p.d.Tick(p.now)
		if s := p.d.Stats(); s.LastWorkers != 1 || s.LastWorkersSeen != 1 {
			t.Fatalf("tick %d: %d pools are on their last worker, %d times so far", i, s.LastWorkers, s.LastWorkersSeen)
		}
	}
}
