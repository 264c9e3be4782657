package detector_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// BenchmarkStep measures one event, a report that a process waits or goes on,
// amid call forests of so many live waits: trees of nested calls, four deep,
// that begin at the root and end at the leaf. What single events take includes
// the pauses of the garbage collector and of the machine.
func BenchmarkStep(b *testing.B) {
	for _, live := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("live=%d", live), func(b *testing.B) {
			before := heap()
			f := newForest(live)
			size := heap() - before
			rng := rand.New(rand.NewPCG(1, 2))
			b.ResetTimer()
			events := 0
			for b.Loop() {
				tree := rng.IntN(live / depth)
				f.end(tree)
				f.begin(tree)
				events += 2 * depth
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(size)/float64(live), "bytes/wait")
			b.ReportMetric(0, "ns/op")
			took := f.time(func() {
				for range 100_000 / (2 * depth) {
					tree := rng.IntN(live / depth)
					f.end(tree)
					f.begin(tree)
				}
			})
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "ns_p50")
			b.ReportMetric(float64(took[len(took)*999/1000].Nanoseconds()), "ns_p99.9")
			runtime.KeepAlive(f)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const depth = 4

// forest drives a detector as the agent of all its processes would.
type forest struct {
	d      *detector.Detector
	now    time.Time
	agent  report.Agent
	seqs   []uint64
	epochs []uint64
	last   uint64 // epoch

	timing bool
	took   []time.Duration // by steps, while timing
}

func newForest(live int) *forest {
	f := &forest{
		d: detector.New(detector.DefaultConfig()), now: epochStart, agent: report.Agent{Name: "bench", Incarnation: 1},
		seqs: make([]uint64, live), epochs: make([]uint64, live),
	}
	for tree := range live / depth {
		f.begin(tree)
	}
	return f
}

// begin lets each process of a tree call the next.
func (f *forest) begin(tree int) {
	for i := tree * depth; i < (tree+1)*depth; i++ {
		f.last++
		f.epochs[i] = f.last
		s := f.state(i)
		s.Waits, s.Need = []report.Wait{{Resource: f.reply(i), Kind: report.Reply, Since: f.now}}, 1
		if i > tree*depth {
			s.Holds = []report.Hold{{Resource: f.reply(i - 1), Kind: report.Reply}}
		}
		f.step(s)
	}
}

// end lets the processes of a tree go on, the last first.
func (f *forest) end(tree int) {
	for i := (tree+1)*depth - 1; i >= tree*depth; i-- {
		s := f.state(i)
		s.Ended = &report.End{Epoch: f.epochs[i], Cause: report.Granted}
		f.step(s)
	}
}

// time returns how long each step took in what do does, the quickest first.
func (f *forest) time(do func()) []time.Duration {
	f.timing = true
	do()
	slices.Sort(f.took)
	return f.took
}

func (f *forest) state(i int) report.State {
	f.seqs[i]++
	return report.State{
		Key:   report.Key{Agent: f.agent, Process: fmt.Sprintf("p:%d", i), Activation: uint64(i)},
		Epoch: f.epochs[i], Seq: f.seqs[i],
	}
}

func (f *forest) reply(i int) report.Resource {
	return report.Resource(fmt.Sprintf("bench#1/%d", f.epochs[i]))
}

func (f *forest) step(s report.State) {
	f.now = f.now.Add(time.Microsecond)
	e := detector.Reported{Batch: &report.Batch{Agent: f.agent, States: []report.State{s}}}
	if !f.timing {
		f.d.Step(f.now, e)
		return
	}
	begin := time.Now()
	f.d.Step(f.now, e)
	f.took = append(f.took, time.Since(begin))
}
