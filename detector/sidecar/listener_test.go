package sidecar

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/alertsink"
	"github.com/waitgraph/waitgraph/detector/logsink"
	"github.com/waitgraph/waitgraph/detector/promsink"
	"github.com/waitgraph/waitgraph/detector/spansink"
)

// teller returns a sidecar that spreads announcements and does nothing else.
func teller(t *testing.T, tell func(detector.Announce)) (*sidecar, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	s := &sidecar{cfg: Config{OnVerdict: tell}, owner: newOwner(&fakeMachine{}), log: logsink.New(slog.New(slog.DiscardHandler))}
	var err error
	if s.owner.metrics, err = promsink.New(registry, func() detector.Stats { return detector.Stats{} }, func() uint64 { return 0 }); err != nil {
		t.Fatal(err)
	}
	if s.alerts, err = alertsink.New(alertsink.Config{Registry: prometheus.NewRegistry()}); err != nil {
		t.Fatal(err)
	}
	if s.spans, err = spansink.New(spansink.Config{Registry: prometheus.NewRegistry()}); err != nil {
		t.Fatal(err)
	}
	return s, registry
}

// TestAListenerHoldsUpNobody has one that does not return from the first call
// before long after the end.
func TestAListenerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, goOn := 0, make(chan struct{})
		s, registry := teller(t, func(detector.Announce) { calls++; <-goOn })
		ended := make(chan struct{})
		go func() { s.spread(t.Context()); close(ended) }()
		tell := func(id string) {
			s.owner.announcements <- announcement{detector.Announce{Verdict: detector.Verdict{ID: id, Status: detector.Resolved}}, time.Now()}
			synctest.Wait()
		}
		for range maxAnnouncements + 3 {
			tell("early")
		}
		tell("late")
		if all := s.past.latestFirst(); len(all) != maxPast || all[0].ID != "late" {
			t.Errorf("%d are past", len(all))
		}
		if n := count(t, registry, "waitgraph_dropped_total"); n != 3 {
			t.Errorf("%d were dropped", n)
		}
		began := time.Now()
		close(s.owner.announcements)
		<-ended
		if took := time.Since(began); took != partingTime {
			t.Errorf("the end took %v", took)
		}
		close(goOn)
		synctest.Wait()
		if calls != 1 {
			t.Errorf("it was told %d times", calls)
		}
	})
}

func TestAListenerIsToldTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		s, _ := teller(t, func(a detector.Announce) {
			time.Sleep(partingTime / 4)
			told = append(told, a.Verdict.ID)
		})
		for _, id := range []string{"a", "b", "c"} {
			s.owner.announcements <- announcement{detector.Announce{Verdict: detector.Verdict{ID: id, Status: detector.Confirmed}}, time.Now()}
		}
		close(s.owner.announcements)
		s.spread(t.Context())
		if len(told) != 3 || told[2] != "c" {
			t.Errorf("told %q", told)
		}
	})
}
