package detector_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// The shapes of a giant: the requests were taken, lie in the queues of those who wait
// for the next one's, or in the one queue that all of them consume.
var giantShapes = []string{"ring taken", "ring untaken", "pool"}

// A deadlock of a thousand is confirmed whole, and does not keep one of two from being
// seen beside it.
func TestGiants(t *testing.T) {
	for _, shape := range giantShapes {
		t.Run(shape, func(t *testing.T) {
			const size = 1000
			g := newGiant(t, size, shape)
			g.live()
			all := g.d.Verdicts()
			if len(all) != 2 || all[0].Status != detector.Confirmed || len(all[0].Core) != size || len(all[0].Proof.Members) != size || len(all[1].Core) != 2 {
				t.Fatalf("%d verdicts, the first %s of %d", len(all), all[0].Status, len(all[0].Core))
			}
		})
	}
}

// BenchmarkGiant measures what a deadlock of so many processes costs: the report that
// closes it, the answer that confirms it, the passing of time while it stands, a
// heartbeat, and a deadlock of two that forms beside it.
func BenchmarkGiant(b *testing.B) {
	for _, shape := range giantShapes {
		for _, size := range []int{100, 1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/size=%d", shape, size), func(b *testing.B) {
				took := make(map[string]time.Duration)
				for b.Loop() {
					g := newGiant(b, size, shape)
					g.took = took
					g.live()
				}
				b.ReportMetric(0, "ns/op")
				for what, d := range took {
					b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), "ms_"+what)
				}
			})
		}
	}
}

// giant drives a detector as the agent of a deadlock's processes would.
type giant struct {
	testing.TB
	d      *detector.Detector
	now    time.Time
	agent  report.Agent
	states []report.State
	beat   report.Heartbeat
	took   map[string]time.Duration // by what was done
}

func newGiant(tb testing.TB, size int, shape string) *giant {
	g := &giant{
		TB: tb, d: detector.New(detector.DefaultConfig()), now: epochStart,
		agent: report.Agent{Name: "giant", Incarnation: 1}, beat: report.Heartbeat{Seq: 2}, took: make(map[string]time.Duration),
	}
	reply := func(i int) report.Resource { return report.Resource(fmt.Sprintf("giant#1/%d", i)) }
	queue := func(i int) string {
		if shape == "pool" {
			return "pool"
		}
		return fmt.Sprintf("queue:%d", i)
	}
	for i := range size {
		next := (i + 1) % size
		s := report.State{
			Key: report.Key{Agent: g.agent, Process: fmt.Sprintf("p:%d", i), Activation: uint64(i + 1)}, Epoch: 1, Seq: 1, Need: 1,
			Waits: []report.Wait{{Resource: reply(next), Kind: report.Reply, Since: g.now, Destination: report.Destination{Key: queue(next)}}},
		}
		if shape == "ring taken" {
			s.Holds = []report.Hold{{Resource: reply(i), Kind: report.Reply}}
		}
		g.beat.Members = append(g.beat.Members, report.Member{Key: s.Key, Queue: queue(i)})
		g.beat.Digest.Add(s.Key, s.Epoch, s.Seq)
		g.states = append(g.states, s)
	}
	return g
}

// live lets the deadlock form, be confirmed and stand, and another one form.
func (g *giant) live() {
	g.say("greeted", &report.Batch{Heartbeat: &report.Heartbeat{Seq: 1, Members: g.beat.Members}})
	g.now = g.now.Add(time.Second) // in which every agent was heard
	g.say("told", &report.Batch{States: g.states[1:]})
	effects := slices.Clone(g.say("suspected", &report.Batch{States: g.states[:1]}))
	var asked uint64
	for len(effects) > 0 {
		e := effects[0]
		effects = effects[1:]
		switch e := e.(type) {
		case detector.Ask:
			asked = e.Question.Round
		case detector.CountQueue:
			among := len(g.states) // requests and consumers, in all queues
			if e.Queue != "pool" {
				among = 1
			}
			effects = append(effects, g.step("counted", detector.QueueCounted{Round: e.Round, Queue: e.Queue, Consumers: among, Ready: among})...)
		}
	}
	g.say("confirmed", &report.Batch{States: g.states, Answer: &report.Answer{Round: asked, Members: 1}})
	g.now = g.now.Add(20 * time.Millisecond)
	g.time("tick", func() { g.d.Tick(g.now) })
	g.say("heartbeat", &report.Batch{Heartbeat: &g.beat})
	g.step("beside", reported("x", 1, g.now, "b", "a"))
	g.step("beside", reported("y", 1, g.now, "a", "b"))
}

func (g *giant) say(what string, b *report.Batch) []detector.Effect {
	b.Agent = g.agent
	return g.step(what, detector.Reported{Batch: b})
}

func (g *giant) step(what string, e detector.Event) (effects []detector.Effect) {
	g.now = g.now.Add(time.Millisecond)
	g.time(what, func() { effects = g.d.Step(g.now, e) })
	return effects
}

func (g *giant) time(what string, do func()) {
	begin := time.Now()
	do()
	g.took[what] += time.Since(begin)
}
