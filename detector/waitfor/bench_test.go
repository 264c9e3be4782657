package waitfor

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkStreams measures one step of each stream, with so many live waits:
//
//	forest   a call begins and another one ends
//	chain    the head of the chain is added and taken off
//	convoy   the lock changes its owner
//	mix      one process goes on, another one blocks
//	pools    a worker is replaced, a client changes, a nested call begins and one ends
//
// The others are measured beside it, as far as they get at all: TiKV's search
// runs at each event; gonum and full reduction run once per step.
func BenchmarkStreams(b *testing.B) {
	streams := []struct {
		name string
		open func(e engine, live int) stream
	}{{"forest", newForest}, {"chain", newChain}, {"convoy", newConvoy}, {"mix", newMix}, {"pools", newPools}}
	engines := []struct {
		name string
		open func() engine
		most int // live waits
	}{{"ours", newGraphEngine, 1_000_000}, {"tikv", newTiKV, 1_000_000}, {"gonum", newRebuild, 100_000}, {"reduction", newReduction, 100_000}}
	for _, s := range streams {
		for _, live := range []int{1_000, 10_000, 100_000, 1_000_000} {
			for _, e := range engines {
				if live > e.most {
					continue
				}
				b.Run(fmt.Sprintf("%s/live=%d/%s", s.name, live, e.name), func(b *testing.B) {
					run(b, s.open, live, e.open)
				})
			}
		}
	}
}

func run(b *testing.B, openStream func(engine, int) stream, live int, openEngine func() engine) {
	l := &log{}
	s := openStream(l, live)
	before := heap()
	e := openEngine()
	setUp(e, l)
	perWait := float64(heap()-before) / float64(live)
	step, _ := e.(interface{ endStep() })
	b.ReportAllocs()
	at := len(l.entries)
	for b.Loop() {
		if at == len(l.entries) {
			b.StopTimer()
			at = 0
			l.reset()
			for range 1 << 12 {
				s.step(l)
				l.endStep()
			}
			b.StartTimer()
		}
		at = l.replay(e, at)
		if step != nil {
			step.endStep()
		}
	}
	b.ReportMetric(perWait, "B/wait")
	if g, ok := e.(*graphEngine); ok && g.g.DeadlockedCount() > 0 {
		b.Fatalf("%d processes deadlocked", g.g.DeadlockedCount())
	}
}

// setUp feeds everything in l, without searches where these would take days.
func setUp(e engine, l *log) {
	if quiet, ok := e.(interface{ setUp(on bool) }); ok {
		quiet.setUp(true)
		defer quiet.setUp(false)
	}
	for at := 0; at < len(l.entries); {
		at = l.replay(e, at)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
