package sidecar

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/recording"
	"github.com/waitgraph/waitgraph/detector/report"
)

// TestRecordingReplays records a sidecar that sees a deadlock, and replays it.
func TestRecordingReplays(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b broker) {
		dir := t.TempDir()
		a, verdicts := newAgent(t, b), make(chan detector.Verdict, 100)
		connected, ended := make(chan struct{}), make(chan error)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() {
			ended <- Run(ctx, Config{URL: b.url, Dial: b.dial, OnVerdict: about(a, verdicts), Log: onConnect(connected), Record: dir})
		}()
		<-connected
		states := a.cycle(time.Minute)
		a.report(t, states...)
		next(t, verdicts)
		next(t, verdicts)
		states[0].Seq, states[0].Waits, states[0].Need = 2, nil, 0
		states[0].Ended = &report.End{Epoch: 1, Cause: report.TimedOut}
		a.report(t, states...)
		next(t, verdicts)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		replayed := 0
		r, err := recording.Replay(files, recording.Player{
			Announced: func(_ time.Time, n detector.Announce) {
				if n.Verdict.Core[0].Key.Agent == a.id {
					replayed++
				}
			},
			Noted: func(words string) { t.Error(words) },
		})
		if err != nil || r.Different+r.Gaps > 0 || replayed != 3 || r.Compared != r.Announcements {
			t.Errorf("%d announcements, %+v, %v", replayed, r, err)
		}
	})
}

func TestNowhereToRecordIsSaidAtOnce(t *testing.T) {
	b := embedded(t)
	if err := Run(t.Context(), Config{URL: b.url, Dial: b.dial, Record: "/dev/null/dir"}); err == nil {
		t.Error("it runs on without the recording")
	}
}
