package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

var at = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func key(process string) report.Key {
	return report.Key{Agent: report.Agent{Name: "agent", Incarnation: 36}, Process: process, Activation: 1}
}

// asks is a wait for the reply to a request, begun before at.
func asks(queue string, before, left time.Duration, holders ...string) detector.Edge {
	e := detector.Edge{Wait: report.Wait{
		Resource: "agent#10/1", Kind: report.Reply, Since: at.Add(-before), Deadline: at.Add(left),
		Destination: report.Destination{Key: queue},
	}}
	for _, h := range holders {
		e.Holders = append(e.Holders, key(h))
	}
	return e
}

func member(process string, waits ...detector.Edge) detector.Member {
	return detector.Member{Key: key(process), Service: "service", Epoch: 5, Need: len(waits), Waits: waits}
}

func cycle() detector.Verdict {
	a := asks("server_b.42", 4200*time.Microsecond, 4995800*time.Microsecond, "server_b:42")
	a.Trace = report.TraceContext{TraceID: [16]byte{0x4b, 0xf9}, SpanID: [8]byte{1}}
	b := asks("server_a.42", 3100*time.Microsecond, 4996900*time.Microsecond, "server_a:42")
	return detector.Verdict{
		ID: "v1", Kind: detector.Cycle, Status: detector.Confirmed,
		Since: b.Since, Suspected: at.Add(-time.Millisecond), Confirmed: at, Deadline: a.Deadline, FirstTimeout: a.Deadline,
		Core:       []detector.Member{member("server_a:42", a), member("server_b:42", b)},
		Collateral: []detector.Member{member("caller", asks("service_a.compute", time.Second, time.Second, "server_a:42"))}, CollateralCount: 3,
	}
}

func TestConfirmedCycle(t *testing.T) {
	want := strings.Join([]string{
		"deadlock confirmed: a cycle of 2 processes, formed 3.1 ms ago, first timeout in 4.99 s",
		"  server_a:42 has waited 4.2 ms for the reply to its request to server_b.42 and gives up in 4.99 s; blocked by server_b:42. Trace 4bf90000000000000000000000000000.",
		"  server_b:42 has waited 3.1 ms for the reply to its request to server_a.42 and gives up in 4.99 s; blocked by server_a:42.",
		"  Behind it: caller and 2 more.",
	}, "\n")
	if d := cmp.Diff(want, Of(cycle(), at).String()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestEndedCycle(t *testing.T) {
	v := cycle()
	v.Status, v.Cause, v.Ended = detector.Resolved, report.TimedOut.String(), v.Since.Add(5*time.Second)
	want := "deadlock resolved by a timeout after 5.00 s: a cycle of 2 processes\n  Core: server_a:42 and server_b:42."
	if got := Of(v, at).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSummaries(t *testing.T) {
	hinted := cycle()
	hinted.Status, hinted.Core[0].Waits[0].Since = detector.Suspected, time.Time{}
	self := detector.Verdict{Kind: detector.Self, Status: detector.Suspected, Reason: "its agent is mute", Core: []detector.Member{member("p", detector.Edge{})}}
	resolved := cycle()
	resolved.Status, resolved.Cause, resolved.Ended, resolved.Contradicted = detector.Resolved, detector.CauseHolderJoined, at.Add(time.Second), true
	retracted := cycle()
	retracted.Status, retracted.Reason = detector.Retracted, "server_a:42 is not blocked on it any more"
	late := cycle()
	late.FirstTimeout = at.Add(-20 * time.Millisecond)
	for want, v := range map[string]detector.Verdict{
		"deadlock suspected: p waits for itself, nobody will time out; not confirmed: its agent is mute":                                    self,
		"deadlock resolved by a holder that joined after 1.00 s: a cycle of 2 processes; a member went on as if it had not been deadlocked": resolved,
		"suspicion retracted: a cycle of 2 processes, server_a:42 is not blocked on it any more":                                            retracted,
		"deadlock suspected: a cycle of 2 processes, first timeout in 4.99 s":                                                               hinted,
		"deadlock confirmed: a cycle of 2 processes, formed 3.1 ms ago, first timeout 20.0 ms ago":                                          late,
	} {
		if got := Of(v, at).Summary; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSentences(t *testing.T) {
	edge := func(kind report.Kind, resource report.Resource, holders ...string) detector.Edge {
		e := asks("", 0, 0, holders...)
		e.Kind, e.Resource, e.Since, e.Deadline = kind, resource, time.Time{}, time.Time{}
		return e
	}
	untaken := asks("service_a.compute", time.Minute, -time.Second, "c1", "c2")
	untaken.Queue = "service_a.compute"
	nobody := asks("x", 10*time.Microsecond, time.Hour)
	nobody.Queue = "q"
	topic := asks("k", 0, time.Second, "p")
	topic.Destination.Exchange = "topic"
	space := edge(report.Buffer, "space//answers", "shim")
	space.Destination.Key, space.Queue = "answers", "answers"
	for _, tt := range []struct {
		member detector.Member
		want   string
	}{
		{member("engine", space), "engine waits for space in the queue answers and never gives up; shim, who could make some, is blocked."},
		{member("p", edge(report.Lock, "stock", "q")), "p waits for the lock stock and never gives up; blocked by q."},
		{member("p", edge(report.Permit, "pool", "q", "r", "s")), "p waits for a permit of pool and never gives up; blocked by q, r and s."},
		{member("p", edge(report.Buffer, "out", "p")), "p waits for space in the buffer out and never gives up; blocked by itself."},
		{member("p", edge(report.Queue, "jobs")), "p waits for a consumer of the queue jobs and never gives up; nobody is known to hold it."},
		{member("p", untaken), "p has waited 1m0s for the reply to its request to service_a.compute and was to give up 1.00 s ago; untaken, as c1 and c2, who would take it from service_a.compute, are blocked."},
		{member("p", nobody), "p has waited 10 us for the reply to its request to x and gives up in 1h0m0s; nobody is known to consume q."},
		{detector.Member{Key: key("p"), Need: 1, Waits: []detector.Edge{topic, topic}}, "p needs 1 of 2 and has waited 0 us for the reply to its request to topic/k and gives up in 1.00 s; blocked by itself."},
	} {
		if got := sentences([]detector.Member{tt.member}, at)[0]; got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestHostileNamesAreEscaped(t *testing.T) {
	v := cycle()
	v.Core[0].Key.Process = "a\x1b[2Jb\n\xff\u202e"
	v.Collateral[0].Key.Process = "\x07"
	v.Core[1].Waits[0].Destination.Key = "q\r"
	got := Of(v, at).String()
	if strings.ContainsAny(got, "\x1b\x07\r\xff\u202e") || strings.Count(got, "\n") != 3 {
		t.Errorf("got %q", got)
	}
	if want := `a\x1b[2Jb\n\xff\u202e has waited`; !strings.Contains(got, want) {
		t.Errorf("no %s in %s", want, got)
	}
}

func TestLargeCoresAreBounded(t *testing.T) {
	v := detector.Verdict{Kind: detector.Knot, Status: detector.Confirmed}
	for range 5000 {
		v.Core = append(v.Core, member("p", asks("q", 0, 0, "p")))
	}
	got := Of(v, at)
	if len(got.Core) != maxCore || got.CoreCount != 5000 || len(got.Sentences) != maxSentences {
		t.Errorf("%d of %d members, %d sentences", len(got.Core), got.CoreCount, len(got.Sentences))
	}
	if !strings.HasSuffix(got.String(), "and 4900 more such waits.") {
		t.Error("the text does not say that it is cut")
	}
}

// pool is a deadlock of n workers of which each needs a reply that any of them
// could give, with as many callers behind it.
func pool(n int) detector.Verdict {
	v := detector.Verdict{Kind: detector.Knot, Status: detector.Confirmed, CollateralCount: n}
	workers := make([]string, n)
	for i := range workers {
		workers[i] = fmt.Sprintf("worker:%d", i)
	}
	for i, w := range workers {
		v.Core = append(v.Core, member(w, asks("pool", 0, 0, workers...)))
		v.Collateral = append(v.Collateral, member(fmt.Sprintf("caller:%d", i), asks("pool", 0, 0, workers...)))
	}
	return v
}

// TestWhatAllHoldIsBounded sees to it that no wait loses all that is told of it.
func TestWhatAllHoldIsBounded(t *testing.T) {
	const n = 500
	v := Of(pool(n), at)
	for name, list := range map[string][]Process{"core": v.Core, "collateral": v.Collateral} {
		holders := 0
		for i, p := range list {
			w := &p.Waits[0]
			if holders += len(w.Holders); len(w.Holders) == 0 || w.HolderCount != n || i == 0 && len(w.Holders) != maxHolders {
				t.Errorf("%s: process %d shows %d of %d holders", name, i, len(w.Holders), w.HolderCount)
			}
		}
		if len(list) != n || holders > listHolders+n {
			t.Errorf("%s: %d processes show %d holders", name, len(list), holders)
		}
	}
}

func TestWaitsWithoutRoomAreCounted(t *testing.T) {
	locks := make([]detector.Edge, 400)
	v := detector.Verdict{Core: []detector.Member{member("p", locks...), member("q", locks...), member("r", locks...), member("s", locks[:1]...)}}
	var got []string
	for _, p := range Of(v, at).Core {
		got = append(got, fmt.Sprintf("%s %d %d", p.Name, len(p.Waits), p.WaitCount))
	}
	if d := cmp.Diff([]string{"p 400 0", "q 400 0", "r 0 400", "s 1 0"}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestShortened(t *testing.T) {
	v := pool(500)
	v.Status = detector.Resolved
	x := Of(v, at)
	x.Shorten()
	if got := x.String(); !strings.HasSuffix(got, "Core: 500 processes.") || x.Size() > 1000 {
		t.Errorf("%d bytes: %s", x.Size(), got)
	}
}

func TestSizeIsThatOfTheJSON(t *testing.T) {
	for _, v := range []detector.Verdict{cycle(), pool(10), pool(500)} {
		x := Of(v, at)
		data, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := x.Size(), len(data); got < want*3/4 || got > want*5/4 {
			t.Errorf("%d processes: %d bytes, not %d", x.CoreCount, want, got)
		}
	}
}

func TestJSON(t *testing.T) {
	v := cycle()
	v.Collateral, v.CollateralCount, v.Core = nil, 0, v.Core[:1]
	got, err := json.MarshalIndent(Of(v, at), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "id": "v1",
  "kind": "cycle",
  "status": "confirmed",
  "in_band": false,
  "contradicted": false,
  "summary": "deadlock confirmed: a cycle of 1 processes, formed 3.1 ms ago, first timeout in 4.99 s",
  "sentences": [
    "server_a:42 has waited 4.2 ms for the reply to its request to server_b.42 and gives up in 4.99 s; blocked by server_b:42. Trace 4bf90000000000000000000000000000."
  ],
  "at": "2026-11-21T09:00:00Z",
  "since": "2026-11-21T08:59:59.9969Z",
  "suspected_at": "2026-11-21T08:59:59.999Z",
  "confirmed_at": "2026-11-21T09:00:00Z",
  "deadline": "2026-11-21T09:00:04.9958Z",
  "first_timeout": "2026-11-21T09:00:04.9958Z",
  "core": [
    {
      "process": "server_a:42",
      "agent": "agent#10",
      "activation": 1,
      "service": "service",
      "epoch": 5,
      "need": 1,
      "waits": [
        {
          "resource": "agent#10/1",
          "kind": "reply",
          "since": "2026-11-21T08:59:59.9958Z",
          "deadline": "2026-11-21T09:00:04.9958Z",
          "key": "server_b.42",
          "holders": [
            {
              "process": "server_b:42",
              "agent": "agent#10",
              "activation": 1
            }
          ],
          "holder_count": 1,
          "trace_id": "4bf90000000000000000000000000000",
          "span_id": "0100000000000000"
        }
      ]
    }
  ],
  "core_count": 1,
  "edge_count": 1,
  "collateral": [],
  "collateral_count": 0
}`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestWriteGraph compares what is written piece by piece with the whole.
func TestWriteGraph(t *testing.T) {
	var s detector.Snapshot
	for n := range 4 {
		var written bytes.Buffer
		if err := WriteGraph(&written, s, at); err != nil {
			t.Fatal(err)
		}
		var got, want any
		whole, err := json.Marshal(OfGraph(s, at))
		if err := errors.Join(err, json.Unmarshal(whole, &want), json.Unmarshal(written.Bytes(), &got)); err != nil {
			t.Fatalf("%v in %s", err, written.Bytes())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("with %d processes (-want +got):\n%s", n, d)
		}
		name := fmt.Sprintf(`p%d"processes":[]`, n)
		s.Processes = append(s.Processes, detector.Process{Member: detector.Member{Key: report.Key{Process: name}, Need: 1}, Hint: true})
		s.Pools = append(s.Pools, detector.Pool{Queue: name, Workers: n})
	}
	if err := WriteGraph(gone{}, s, at); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("to one who has gone: %v", err)
	}
}

// gone takes nothing.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
