package live

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	// tries is how often a scenario may be played until all is as it expects:
	// some expect an answer within 200 ms, which a busy machine has not always
	// got. No try may miss a deadlock or make one up.
	tries = 3
)

// TestLibrary plays every shipped scenario that real services can play: no
// deadlock may be missed, no verdict false, and all must be as the scenario
// expects.
func TestLibrary(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s, err := Open(t.Context(), Config{URL: b.URL, Dial: b.Dial})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		small := b.Dial == nil || raceDetector
		var all sync.WaitGroup
		for _, one := range library(t) {
			switch err := Supported(one); {
			case err != nil:
				t.Logf("left out: %v", err)
				continue
			case small && len(one.Services) > most:
				t.Logf("left out: %s: %d services are too many here", one.Name, len(one.Services))
				continue
			}
			all.Go(func() { playUntil(t, s, one) })
			time.Sleep(apart)
		}
		all.Wait()
	})
}

// playUntil plays until all is as it is expected.
func playUntil(t *testing.T, s *Stage, one *scenario.Scenario) {
	t.Helper()
	one.For = min(one.For, longest)
	for try := range uint64(tries) {
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
		t.Logf("%s: unexpected %q", one.Name, r.Unexpected)
	}
	t.Errorf("%s is never as expected", one.Name)
}

// What real services cannot do is refused, with the reason.
func TestUnsupported(t *testing.T) {
	for _, text := range []string{
		"services: {a: {reentrant: true}}",
		"services: {a: {buffer: 1}}",
		"services: {a: {workers: 2, prefetch: 2}}",
		"services: {a: }\nfaults: [{at: 1s, kill: {replica: a}}]",
		"services: {a: }\nfaults: [{at: 1s, pause: {replica: a}, for: 1s}]",
		"services: {a: }\nfaults: [{at: 1s, kill: detector}]",
	} {
		one, err := scenario.Parse("it", []byte("# It.\n"+text+"\nsessions: {s: {call: a}}\nexpect: either\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := new(Stage).Play(t.Context(), one, 1); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v, want that it is unsupported", text, err)
		}
	}
}

// A scenario that is not as it expects to be is told apart from one that is.
func TestUnexpected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := embedded(t)
		one, err := scenario.Parse("it", []byte("# It.\nservices: {a: {does: {call: a}}}\nsessions: {s: {call: a}}\nexpect: silence\n"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Play(t.Context(), one, 1)
		if err != nil {
			t.Fatal(err)
		}
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
			s := embedded(t)
			one, err := scenario.Parse("it", []byte("# It.\nservices: {a: {does: "+tt.does+
				"}}\nsessions: {s: [{wait: 1ms}, {call: a}]}\nfaults: [{at: "+tt.at+", pause: {process: a}, for: 3s}]\nexpect: silence\n"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Play(t.Context(), one, 1)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(r.Log, func(e runlog.Entry) bool { return e.Kind == runlog.End })
			if !r.Passed() || i < 0 || r.Log[i].At.Round(100*time.Millisecond) != tt.want {
				t.Errorf("%s: passed %v, log %v, want the answer at %v", tt.does, r.Passed(), r.Log, tt.want)
			}
		})
	}
}

// A replica whose connection is cut crashes, whoever of it is watched, and works
// again; nobody else does.
func TestDropped(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		dial := b.Dial
		if dial == nil {
			dial = net.Dial
		}
		var dialed atomic.Int32
		s, err := Open(t.Context(), Config{URL: b.URL, Dial: func(network, addr string) (net.Conn, error) {
			dialed.Add(1)
			return dial(network, addr)
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		one, err := scenario.Parse("it", []byte("# It.\nservices:\n  a: {workers: 2, unwatched: 1, prefetch: 1, does: {wait: 1ms}}\n  b: {does: {wait: 1ms}}\n"+
			"sessions: {s: [{wait: 1s}, {call: a}, {call: a}, {call: b}]}\nfaults: [{at: 500ms, drop: a}]\nexpect: silence\n"))
		if err != nil {
			t.Fatal(err)
		}
		before := dialed.Load()
		r, err := s.Play(t.Context(), one, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Passed() || !r.Terminated || len(r.Crashes) != 2 || r.Crashes[0].Process != "a#1" || r.Crashes[1].Process != "a#2" {
			t.Errorf("passed %v, over %v, crashed %v, want that a#1 and a#2 do", r.Passed(), r.Terminated, r.Crashes)
		}
		// The watched and the unwatched have one to publish and one to consume, twice.
		if n := dialed.Load() - before; n != 8 {
			t.Errorf("%d connections were opened, want 4 and, once they are cut, 4 again", n)
		}
	})
}
