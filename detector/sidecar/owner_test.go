package sidecar

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/promsink"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
)

// fakeMachine does what its fields say.
type fakeMachine struct {
	step     func(e detector.Event) []detector.Effect
	verdicts []detector.Verdict
	snapshot func() detector.Snapshot
}

func (f *fakeMachine) Step(_ time.Time, e detector.Event) []detector.Effect { return f.step(e) }
func (f *fakeMachine) Tick(time.Time) []detector.Effect                     { return nil }
func (f *fakeMachine) Verdicts() []detector.Verdict                         { return f.verdicts }
func (f *fakeMachine) Snapshot() detector.Snapshot                          { return f.snapshot() }
func (f *fakeMachine) Stats() detector.Stats                                { return detector.Stats{} }

// fakeReach drops everything unless it is open.
type fakeReach struct {
	open bool
	sent []detector.Effect
}

func (f *fakeReach) Ask(a detector.Ask) bool {
	f.sent = append(f.sent, a)
	return f.open
}

func (f *fakeReach) CountQueue(c detector.CountQueue) bool {
	f.sent = append(f.sent, c)
	return f.open
}

// startOwner runs an owner of m until the test ends.
func startOwner(t *testing.T, m *fakeMachine, r *fakeReach) (*owner, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	o := newOwner(m)
	o.reach = r
	var err error
	if o.metrics, err = promsink.New(registry, func() detector.Stats { return *o.stats.Load() }, func() uint64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { o.run(ctx); close(ended) }()
	t.Cleanup(func() { stop(); <-ended })
	return o, registry
}

func count(t *testing.T, r *prometheus.Registry, metric string) int {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0.0
	for _, f := range families {
		if f.GetName() == metric {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return int(n)
}

func TestEffectsThatCannotBeDoneAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []detector.Event
		asked := detector.Ask{Agent: report.Agent{Name: "a", Incarnation: 1}, Question: report.Question{Round: 7}}
		m := &fakeMachine{step: func(e detector.Event) []detector.Effect {
			heard = append(heard, e)
			if _, ok := e.(detector.Reported); ok {
				return []detector.Effect{asked, detector.CountQueue{Round: 7, Queue: "q"}}
			}
			return nil
		}}
		r := new(fakeReach)
		o, registry := startOwner(t, m, r)
		o.tell(detector.Reported{}, 0)
		synctest.Wait()
		if len(r.sent) != 2 || len(heard) != 1 {
			t.Fatalf("sent %v, heard %v", r.sent, heard)
		}
		if n := count(t, registry, "waitgraph_dropped_total"); n != 2 {
			t.Errorf("%d drops counted", n)
		}
		r.open = true
		o.tell(detector.Reported{}, 0)
		synctest.Wait()
		if n := count(t, registry, "waitgraph_dropped_total"); len(r.sent) != 4 || n != 2 {
			t.Errorf("sent %v, %d drops counted", r.sent, n)
		}
	})
}

// TestStepsAreCountedOnce lets a verdict be announced again and again, and
// nobody listen.
func TestStepsAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := detector.Verdict{ID: "v", Kind: detector.Cycle}
		m := &fakeMachine{step: func(e detector.Event) []detector.Effect {
			v.Status = detector.Status(e.(detector.QueueCounted).Queue)
			return []detector.Effect{detector.Announce{Verdict: v, Again: true}}
		}}
		o, registry := startOwner(t, m, new(fakeReach))
		for _, s := range []detector.Status{detector.Suspected, detector.Confirmed} {
			for range maxAnnouncements {
				o.tell(detector.QueueCounted{Queue: string(s)}, 0)
			}
			synctest.Wait()
		}
		o.tell(detector.QueueCounted{Queue: string(detector.Resolved)}, 0)
		synctest.Wait()
		if n := count(t, registry, "waitgraph_verdicts_total"); n != 3 {
			t.Errorf("%d steps counted", n)
		}
		if n := count(t, registry, "waitgraph_dropped_total"); n != maxAnnouncements+1 {
			t.Errorf("%d drops counted", n)
		}
		if len(o.statuses) != 0 {
			t.Errorf("the verdict that ended is remembered")
		}
	})
}

// TestNobodyWaits has the owner stuck in a step.
func TestNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		m := &fakeMachine{step: func(detector.Event) []detector.Effect { <-stuck; return nil }}
		o, registry := startOwner(t, m, new(fakeReach))
		o.tell(detector.Reported{}, 0)
		synctest.Wait()
		for range maxEvents + 5 {
			o.tell(detector.Reported{}, 0)
		}
		if n := count(t, registry, "waitgraph_dropped_total"); n != 5 {
			t.Errorf("%d drops counted", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.call(ctx, func() {}); !errors.Is(err, errBusy) {
			t.Errorf("call: %v", err)
		}
		close(stuck)
		if err := o.call(t.Context(), func() {}); err != nil {
			t.Errorf("call: %v", err)
		}
	})
}

// TestWhatWaitsIsBoundedInBytes has the owner stuck while large messages come.
func TestWhatWaitsIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, steps := make(chan struct{}), 0
		m := &fakeMachine{step: func(detector.Event) []detector.Effect { <-stuck; steps++; return nil }}
		o, registry := startOwner(t, m, new(fakeReach))
		const fit = maxEventBytes / wire.MaxMessage
		for range fit + 3 {
			o.tell(detector.Reported{}, wire.MaxMessage)
			synctest.Wait()
		}
		o.tell(detector.Unreachable{}, 0)
		if n := count(t, registry, "waitgraph_dropped_total"); n != 3 {
			t.Errorf("%d drops counted", n)
		}
		stuck <- struct{}{}
		synctest.Wait()
		o.tell(detector.Reported{}, wire.MaxMessage)
		o.tell(detector.Reported{}, 1)
		close(stuck)
		synctest.Wait()
		if n := count(t, registry, "waitgraph_dropped_total"); n != 4 || steps != fit+2 || !o.events.Room.TryAcquire(maxEventBytes) {
			t.Errorf("%d drops counted, %d steps", n, steps)
		}
	})
}

func TestCallsEndWithTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOwner(new(fakeMachine))
		ctx, stop := context.WithCancel(t.Context())
		stop()
		o.run(ctx)
		if err := o.call(t.Context(), func() {}); !errors.Is(err, errEnded) {
			t.Errorf("call: %v", err)
		}
	})
}

// TestCopiesLeaveTimeForDetection asks for copies that take a second each.
func TestCopiesLeaveTimeForDetection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, copies := time.Now(), 0
		m := &fakeMachine{snapshot: func() detector.Snapshot {
			copies++
			time.Sleep(time.Second)
			return detector.Snapshot{}
		}}
		o, _ := startOwner(t, m, new(fakeReach))
		for range 100 {
			if err := o.call(t.Context(), func() { o.snapshot.get(m.Snapshot) }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if most := 1 + int(time.Since(began)/(10*time.Second)); copies < 2 || copies > most {
			t.Errorf("%d copies in %v", copies, time.Since(began))
		}
	})
}
