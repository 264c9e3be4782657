package live

import (
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
)

// deadlocked is a system in which a and b wait for each other.
const deadlocked = `
services: {a: {does: {call: b}}, b: {does: {call: a}}}
sessions: {s: {call: a}}
`

// asked is a system in which a works on a request from 500 ms to 1500 ms.
const asked = `
services: {a: {PREFETCH, does: {wait: 1s}}}
sessions: {s: [{wait: 500ms}, {call: a}]}
expect: silence
`

// TestFaults plays what goes wrong in a bubble, where the times of its
// consequences can be asked as well. Faults of what sends or awaits heartbeats come
// between two of them, which are sent at each half second: in a bubble, what is due
// at one instant comes in any order.
func TestFaults(t *testing.T) {
	reliable, mailbox := strings.ReplaceAll(asked, "PREFETCH", "prefetch: 1"), strings.ReplaceAll(asked, "PREFETCH", "prefetch: 0")
	for name, tt := range map[string]struct {
		text     string
		verdicts [][2]time.Duration // when they were confirmed and ended, rounded to half a second; 0: not
		answer   time.Duration      // when the session had its answer, rounded to 100 ms; 0: never
		lost     string             // whose agent is
	}{
		"a replica is paused for longer than its agent's lease": {
			deadlocked + `
faults: [{at: 1200ms, pause: {replica: b}, for: 2800ms}]
expect: [{cycle: [a, b], resolved: agent_lost}, {cycle: [a, b]}]`,
			[][2]time.Duration{{0, 3 * time.Second}, {4 * time.Second, 0}},
			0, "",
		},
		"the processes of a replica are paused": {
			reliable + "faults: [{at: 1s, pause: {replica: a}, for: 2s}]", nil, 3 * time.Second, "",
		},
		"a replica is killed with a request that the broker has again": {
			reliable + "faults: [{at: 1s, kill: {replica: a}, for: 2s}]", nil, 4 * time.Second, "a",
		},
		"a replica is killed with a request that is gone": {
			mailbox + "faults: [{at: 1s, kill: {replica: a}, for: 2s}]", nil, 0, "a",
		},
		"a replica is killed before it is asked": {
			mailbox + "faults: [{at: 0s, kill: {replica: a}, for: 2s}]", nil, 3 * time.Second, "a",
		},
		"a replica is killed twice at a time": {
			mailbox + "faults: [{at: 0s, kill: {replica: a}, for: 2s}, {at: 1s, kill: {replica: a}, for: 2s}]", nil, 3 * time.Second, "a",
		},
		"a connection is lost with a request that the broker has again": {
			reliable + "faults: [{at: 1s, drop: a}]", nil, 2100 * time.Millisecond, "",
		},
		"a connection is lost with a request that is answered": {
			strings.ReplaceAll(reliable, "{wait: 1s}", "[answer, {wait: 1s}]") + "faults: [{at: 1s, drop: a}]", nil, 500 * time.Millisecond, "",
		},
		"a connection is lost with a request that is gone": {
			mailbox + "faults: [{at: 1s, drop: a}]", nil, 0, "",
		},
		"an agent is killed for a time": {
			deadlocked + `
faults: [{at: 1200ms, kill: {agent: b}, for: 2800ms}]
expect: [{cycle: [a, b], resolved: agent_lost}, {cycle: [a, b]}]`,
			[][2]time.Duration{{0, 3 * time.Second}, {4 * time.Second, 0}},
			0, "",
		},
		"an agent is killed": {
			deadlocked + `
faults: [{at: 1200ms, kill: {agent: b}}]
expect: [{cycle: [a, b], resolved: agent_lost}]`,
			[][2]time.Duration{{0, 3 * time.Second}},
			0, "b",
		},
		"an agent is killed before": {
			deadlocked + `
faults: [{at: 0s, kill: {agent: b}}]
expect: either`,
			nil, 0, "b",
		},
		"a replica is killed in a deadlock": {
			deadlocked + `
faults: [{at: 1200ms, kill: {replica: b}}]
expect: [{cycle: [a, b], resolved: agent_lost}]`,
			[][2]time.Duration{{0, 3 * time.Second}},
			0, "b",
		},
		"a connection is lost in a deadlock": {
			deadlocked + `
faults: [{at: 1200ms, drop: b}]
expect: [{cycle: [a, b], resolved: crashed}]`,
			[][2]time.Duration{{0, time.Second}},
			0, "",
		},
		"all are cut off": {
			deadlocked + `
faults: [{at: 0s, partition: all, for: 1s}]
expect: {cycle: [a, b]}`,
			[][2]time.Duration{{time.Second, 0}},
			0, "",
		},
		"two faults of one agent overlap": {
			deadlocked + `
faults: [{at: 0s, partition: b, for: 1s}, {at: 500ms, pause: {agent: b}, for: 1500ms}]
expect: {cycle: [a, b]}`,
			[][2]time.Duration{{2 * time.Second, 0}},
			0, "",
		},
		"the detector is paused": {
			deadlocked + `
faults: [{at: 0s, pause: detector, for: 1500ms}]
expect: {cycle: [a, b]}`,
			[][2]time.Duration{{1500 * time.Millisecond, 0}},
			0, "",
		},
		"the detector is late": {
			deadlocked + `
faults: [{at: 0s, kill: detector, for: 1800ms}]
expect: {cycle: [a, b]}`,
			[][2]time.Duration{{2 * time.Second, 0}},
			0, "",
		},
		"the detector is killed": {
			deadlocked + `
faults: [{at: 0s, kill: detector}]
expect: either`,
			nil, 0, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := played(t, tt.text)
				consistent(t, r.Log, "")
				var verdicts [][2]time.Duration
				for _, v := range r.Verdicts {
					verdicts = append(verdicts, [2]time.Duration{v.At.Round(time.Second / 2), v.Ended.Round(time.Second / 2)})
				}
				if !r.Passed() || !slices.Equal(verdicts, tt.verdicts) || answered(r) != tt.answer || lost(r) != tt.lost {
					t.Errorf("missed %q, false %q, unexpected %q; verdicts at %v, want %v; answer at %v, want %v; lost %q, want %q; log %v",
						r.Missed, r.False, r.Unexpected, verdicts, tt.verdicts, answered(r), tt.answer, lost(r), tt.lost, r.Log)
				}
			})
		})
	}
}

// answered returns when the session went on.
func answered(r *scenario.Run) time.Duration {
	for _, e := range r.Log {
		if e.Kind == runlog.End && e.Process == "s" {
			return e.At.Round(time.Second / 10)
		}
	}
	return 0
}

// lost returns the processes whose agent is.
func lost(r *scenario.Run) (names string) {
	for _, e := range r.Log {
		if e.Kind == runlog.Lose {
			names += e.Process
		}
	}
	return names
}

// TestConnections counts what is connected, and what is anew: two connections each,
// of the detector, of an agent, of those whom it watches and of those whom it does
// not.
func TestConnections(t *testing.T) {
	const start = 2 + 3*6 // of a stage of the play's own, with three hosts
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		var all sync.WaitGroup
		for fault, tt := range map[string]struct {
			dialed  int32
			crashed []string
		}{
			"drop: a":                             {start + 4, []string{"a#1", "a#2"}},
			"kill: {replica: a}, for: 500ms":      {start + 6, []string{"a#1", "a#2"}},
			"kill: {agent: a}, for: 500ms":        {start + 2, nil},
			"kill: {process: a#1}, for: 500ms":    {0, []string{"a#1"}},
			"kill: detector, for: 500ms":          {start + 2, nil},
			"pause: {replica: a}, for: 500ms":     {start, nil},
			"pause: {agent: [a, b]}, for: 500ms":  {start, nil},
			"pause: detector, for: 500ms":         {start, nil},
			"partition: [a, sessions], for: 50ms": {start, nil},
		} {
			all.Go(func() {
				r, dialed := playFault(t, b, fault)
				var crashed []string
				for _, c := range r.Crashes {
					crashed = append(crashed, c.Process)
				}
				if !r.Passed() || !r.Terminated || !slices.Equal(crashed, tt.crashed) || dialed != tt.dialed {
					t.Errorf("%s: passed %v, over %v, crashed %q, want %q, %d connections, want %d",
						fault, r.Passed(), r.Terminated, crashed, tt.crashed, dialed, tt.dialed)
				}
			})
		}
		all.Wait()
	})
}

// playFault plays a fault in the pause of a session, and counts what the play
// connects.
func playFault(t *testing.T, b brokertest.Broker, fault string) (r *scenario.Run, dialed int32) {
	t.Helper()
	r = new(scenario.Run)
	one, err := scenario.Parse("it", []byte(`# It.
services:
  a: {workers: 2, unwatched: 1, prefetch: 1, does: {wait: 1ms}}
  b: {does: {wait: 1ms}}
sessions: {s: [{call: a}, {wait: 1s}, {call: a}, {call: a}, {call: b}]}
faults: [{at: 200ms, `+fault+`}]
expect: silence
`))
	if err != nil {
		t.Error(err)
		return r, 0
	}
	dial := b.Dial
	if dial == nil {
		dial = net.Dial
	}
	var count atomic.Int32
	s, err := open(t.Context(), Config{URL: b.URL, Log: slog.New(slog.DiscardHandler), Dial: func(network, addr string) (net.Conn, error) {
		count.Add(1)
		return dial(network, addr)
	}}, 3)
	if err != nil {
		t.Error(err)
		return r, 0
	}
	defer s.Close()
	before := count.Load()
	if r, err = s.Play(t.Context(), one, 1); err != nil {
		t.Error(err)
		return new(scenario.Run), 0
	}
	return r, count.Load() - before
}

// What goes over a line while it stands still is there when it goes on, in order,
// and can be given up.
func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		l := newLine(func(string, string) (net.Conn, error) { return ours, nil })
		began := time.Now()
		l.halt()
		l.halt()
		time.AfterFunc(time.Second, l.resume)
		time.AfterFunc(3*time.Second, l.resume)
		conn, err := l.dialer(t.Context())("", "")
		if err != nil || time.Since(began) != 3*time.Second {
			t.Fatalf("dialed after %v: %v", time.Since(began), err)
		}
		l.halt()
		write(t, conn, "a", "b")
		time.AfterFunc(time.Second, l.resume)
		if got := read(t, theirs, 2); got != "ab" || time.Since(began) != 4*time.Second {
			t.Errorf("sent %q after %v", got, time.Since(began))
		}
		synctest.Wait()
		go write(t, conn, "c")
		if got := read(t, theirs, 1); got != "c" {
			t.Errorf("then %q", got)
		}
		for range 100 { // what is written when it goes on comes after what was before
			synctest.Wait()
			l.halt()
			write(t, conn, "a")
			l.resume()
			go write(t, conn, "b")
			if got := read(t, theirs, 2); got != "ab" {
				t.Fatalf("overtaken: %q", got)
			}
		}
		l.halt()
		go write(t, theirs, "d")
		time.AfterFunc(time.Second, l.resume)
		if got := read(t, conn, 1); got != "d" || time.Since(began) != 5*time.Second {
			t.Errorf("received %q after %v", got, time.Since(began))
		}
		l.halt()
		time.AfterFunc(time.Second, l.cut)
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(began) != 6*time.Second {
			t.Errorf("cut after %v: %v", time.Since(began), err)
		}
	})
}

func write(t *testing.T, to net.Conn, what ...string) {
	t.Helper()
	for _, one := range what {
		if _, err := io.WriteString(to, one); err != nil {
			t.Error(err)
		}
	}
}

func read(t *testing.T, from net.Conn, n int) string {
	t.Helper()
	got := make([]byte, n)
	if _, err := io.ReadFull(from, got); err != nil {
		t.Error(err)
	}
	return string(got)
}
