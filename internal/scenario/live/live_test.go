package live

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// longest is how long a play may last: some go round for as long as they may.
	// The longest timeouts by which a deadlock is expected to end are 5 s.
	longest = 6 * time.Second
	// most is how many services there are at most on RabbitMQ, which needs seconds
	// to make a thousand queues, and under the race detector.
	most = 200
	// apart is how far apart plays begin, so that the machine is not overrun.
	apart = 40 * time.Millisecond
	// tries is how often a scenario may be played on a machine that keeps its time
	// until all is as it expects: some expect an answer within 200 ms. On a machine
	// that does not, it is played as often again, and if it never is as expected
	// that says nothing. No try whatever may miss a deadlock or make one up.
	tries = 3
)

// TestLibrary plays every shipped scenario: no deadlock may be missed, no verdict
// false, and all must be as the scenario expects.
func TestLibrary(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s, err := Open(t.Context(), Config{URL: b.URL, Dial: b.Dial})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		c, end := sing(t)
		defer end()
		small := b.Embedded == nil || raceDetector
		var all sync.WaitGroup
		for _, one := range library(t) {
			if small && len(one.Services) > most {
				t.Logf("left out: %s: %d services are too many here", one.Name, len(one.Services))
				continue
			}
			all.Go(func() { playUntil(t, s, one, c) })
			time.Sleep(apart)
		}
		all.Wait()
	})
}

// playUntil plays until all is as it is expected.
func playUntil(t *testing.T, s *Stage, one *scenario.Scenario, c *canary) {
	t.Helper()
	one.For = min(one.For, longest)
	left, late := tries, time.Duration(0)
	for try := range uint64(2 * tries) {
		began := time.Now()
		r, err := s.Play(t.Context(), one, try)
		if err != nil {
			t.Error(err)
			return
		}
		if len(r.Missed)+len(r.False) > 0 {
			t.Errorf("%s: missed %q, false %q", one.Name, r.Missed, r.False)
		}
		if len(r.Unexpected) == 0 {
			return
		}
		this := c.late(began)
		t.Logf("%s: unexpected %q, on a machine that was up to %v late", one.Name, r.Unexpected, this)
		if late = max(late, this); this == 0 {
			left--
		}
		if left == 0 {
			t.Errorf("%s is never as expected", one.Name)
			return
		}
	}
	t.Logf("%s was not as expected, which says nothing: the machine was up to %v late", one.Name, late)
}

// A scenario that is not as it expects to be is told apart from one that is.
func TestUnexpected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := played(t, "services: {a: {does: {call: a}}}\nsessions: {s: {call: a}}\nexpect: silence\n")
		if r.Passed() || !r.Deadlocked || len(r.Verdicts) != 1 || len(r.Missed)+len(r.False) > 0 {
			t.Errorf("passed %v, deadlocked %v, %d verdicts, missed %q, false %q", r.Passed(), r.Deadlocked, len(r.Verdicts), r.Missed, r.False)
		}
	})
}

// Without a broker there is no stage.
func TestOpenFails(t *testing.T) {
	_, err := Open(t.Context(), Config{URL: "amqp://guest:guest@127.0.0.1:1/"})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("open: %v", err)
	}
}

// library returns the shipped scenarios.
func library(t *testing.T) (all []*scenario.Scenario) {
	t.Helper()
	files, err := filepath.Glob("../../../docs/scenarios/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("the library has %d files: %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		one, err := scenario.Parse(name, data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// A process that is paused stops at its next step, whether it has any or none.
func TestPaused(t *testing.T) {
	for _, tt := range []struct {
		does, at string
		want     time.Duration // when the answer comes
	}{
		{"[]", "0s", 3 * time.Second},
		{"{wait: 2s}", "0s", 5 * time.Second},
		{"{wait: 4s}", "1s", 4 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := played(t, "services: {a: {does: "+tt.does+
				"}}\nsessions: {s: [{wait: 1ms}, {call: a}]}\nfaults: [{at: "+tt.at+", pause: {process: a}, for: 3s}]\nexpect: silence\n")
			i := slices.IndexFunc(r.Log, func(e runlog.Entry) bool { return e.Kind == runlog.End })
			if !r.Passed() || i < 0 || r.Log[i].At.Round(100*time.Millisecond) != tt.want {
				t.Errorf("%s: passed %v, log %v, want the answer at %v", tt.does, r.Passed(), r.Log, tt.want)
			}
		})
	}
}
