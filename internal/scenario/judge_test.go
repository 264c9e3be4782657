package scenario

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/simulation"
)

// The first announcement of a verdict comes late, the one that its core has grown
// does not: it is about waits that began after the verdict was first confirmed.
// Before they began it would be false, and after they ended.
func TestGrownLater(t *testing.T) {
	const ms = time.Millisecond
	start := time.Now()
	wait := func(at time.Duration, name string) runlog.Entry {
		return runlog.Entry{At: at, Kind: runlog.Begin, Process: name, Need: 1, Resources: []runlog.Resource{{Name: "of a", Holders: 1}}}
	}
	before := runlog.Log{{Kind: runlog.Take, Process: "a", Resource: "of a"}, wait(0, "a"), wait(0, "b")}
	said := func(at, since, concluded time.Duration, core ...string) simulation.Said {
		v := detector.Verdict{
			ID: "v", Status: detector.Confirmed, Since: start.Add(since), Confirmed: start.Add(100 * ms),
			Proof: &proof.Proof{Concluded: start.Add(concluded)},
		}
		for _, name := range core {
			v.Core = append(v.Core, detector.Member{Key: report.Key{Process: name}})
		}
		return simulation.Said{At: at, Announce: detector.Announce{Verdict: v}}
	}
	for _, tt := range []struct {
		grown simulation.Said
		then  runlog.Log
		right bool
	}{
		{said(312*ms, 300*ms, 310*ms, "a", "b", "c"), runlog.Log{wait(300*ms, "c")}, true},
		{said(292*ms, 280*ms, 290*ms, "a", "b", "c"), runlog.Log{wait(300*ms, "c")}, false},
		{said(312*ms, 300*ms, 310*ms, "a", "b", "c"), runlog.Log{wait(160*ms, "c"), {At: 200 * ms, Kind: runlog.End, Process: "c"}}, false},
	} {
		rec := simulation.Record{Log: slices.Concat(before, tt.then), Length: time.Second, Verdicts: []simulation.Said{said(150*ms, 0, 100*ms, "a", "b"), tt.grown}}
		if r := Judge(&Scenario{Expect: Expectation{Outcome: Either}}, 1, rec); (len(r.False) == 0) != tt.right {
			t.Errorf("announced at %v: false %q", tt.grown.At, r.False)
		}
	}
}

// script makes up a run and what a verdict about a and b said in it.
type script struct{ rec simulation.Record }

func at(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// wait makes a process wait, for what another holds, until a time; 0: to the end.
func (s *script) wait(name, holder string, from, to float64) {
	s.rec.Log = append(s.rec.Log,
		runlog.Entry{At: 0, Kind: runlog.Take, Process: holder, Resource: "of " + holder},
		runlog.Entry{At: at(from), Kind: runlog.Begin, Process: name, Need: 1, Resources: []runlog.Resource{{Name: "of " + holder, Holders: 1}}})
	if to > 0 {
		s.rec.Log = append(s.rec.Log, runlog.Entry{At: at(to), Kind: runlog.End, Process: name})
	}
}

var epoch = time.Now()

// say announces a verdict about a and b at a time.
func (s *script) say(seconds float64, status detector.Status, again bool, since float64, unlisted int, behind ...string) {
	v := detector.Verdict{
		ID: "v", Kind: detector.Cycle, Status: status, Since: epoch.Add(at(since)), Proof: &proof.Proof{Concluded: epoch.Add(at(since + .1))},
		CollateralCount: len(behind) + unlisted,
	}
	for _, name := range []string{"a", "b"} {
		v.Core = append(v.Core, detector.Member{Key: report.Key{Process: name}})
	}
	for _, name := range behind {
		m := detector.Member{Key: report.Key{Process: name}, Waits: []detector.Edge{{Wait: report.Wait{Since: epoch}}}}
		switch name {
		case "hinted":
			m.Waits[0].Since = time.Time{}
		case "behind hinted":
			m.Waits[0].Holders = []report.Key{{Process: "hinted"}}
		}
		v.Collateral = append(v.Collateral, m)
	}
	s.rec.Verdicts = append(s.rec.Verdicts, simulation.Said{At: at(seconds), Announce: detector.Announce{Verdict: v, Again: again}})
}

// stand announces a verdict that forms at a time and is repeated until another.
func (s *script) stand(from, to float64, unlisted int, behind ...string) {
	for t := from + .1; t < to; t++ {
		s.say(t, detector.Confirmed, t > from+.1, from, unlisted, behind...)
	}
}

// What a verdict is about it tells of while it stands, and as long as the waits
// of its core last.
func TestTold(t *testing.T) {
	type test struct {
		missed, wrong int
		play          func(s *script)
	}
	ab := func(s *script, from, to float64) { s.wait("a", "b", from, to); s.wait("b", "a", from, to) }
	for name, tt := range map[string]test{
		"to the end":        {0, 0, func(s *script) { ab(s, 0, 0); s.stand(0, 10, 0) }},
		"resolved too soon": {2, 0, func(s *script) { ab(s, 0, 0); s.stand(0, 2, 0); s.say(2, detector.Resolved, false, 0, 0) }},
		"retracted":         {2, 0, func(s *script) { ab(s, 0, 0); s.stand(0, 2, 0); s.say(2, detector.Retracted, false, 0, 0) }},
		"no more repeated":  {2, 0, func(s *script) { ab(s, 0, 0); s.stand(0, 2, 0) }},
		"too late":          {2, 0, func(s *script) { ab(s, 0, 0); s.stand(4, 10, 0) }},
		"of another deadlock of the same": {2, 0, func(s *script) {
			ab(s, 0, 3)
			ab(s, 5, 0)
			s.stand(0, 10, 0)
		}},
		"outlives its core": {0, 1, func(s *script) { ab(s, 0, 3); s.stand(0, 10, 0) }},
		"outlives it, disturbed": {0, 0, func(s *script) {
			ab(s, 0, 3)
			s.stand(0, 10, 0)
			s.rec.Disturbed = []simulation.Window{{From: at(4), To: at(8)}}
		}},
		"untold before a disturbance": {2, 0, func(s *script) {
			ab(s, 0, 0)
			s.rec.Disturbed = []simulation.Window{{From: at(9), To: at(9)}}
		}},
		"untold between disturbances": {0, 0, func(s *script) {
			ab(s, 0, 0)
			s.rec.Disturbed = []simulation.Window{{From: at(0), To: at(6)}, {From: at(8), To: at(8)}, {From: at(2), To: at(3)}}
		}},
		"behind it":                   {0, 0, func(s *script) { ab(s, 0, 0); s.wait("c", "a", 0, 0); s.stand(0, 10, 0, "c") }},
		"behind it, left out":         {1, 0, func(s *script) { ab(s, 0, 0); s.wait("c", "a", 0, 0); s.stand(0, 10, 0) }},
		"behind it, of a long list":   {0, 0, func(s *script) { ab(s, 0, 0); s.wait("d", "a", 0, 0); s.wait("c", "d", 0, 0); s.stand(0, 10, 1, "d") }},
		"elsewhere, of a long list":   {1, 0, func(s *script) { ab(s, 0, 0); s.wait("d", "d", 0, 0); s.stand(0, 10, 1) }},
		"said to be behind, and free": {0, 1, func(s *script) { ab(s, 0, 0); s.wait("c", "d", 0, 0); s.stand(0, 10, 0, "c") }},
		"said to be behind, by hearsay": {0, 0, func(s *script) {
			ab(s, 0, 0)
			s.wait("hinted", "a", 0, 1)
			s.stand(0, 10, 0, "behind hinted", "hinted")
		}},
		"said to be behind, its request lost": {0, 0, func(s *script) {
			ab(s, 0, 0)
			s.rec.Log = append(s.rec.Log,
				runlog.Entry{Kind: runlog.Join, Process: "a", Queue: "a"},
				runlog.Entry{Kind: runlog.Send, Resource: "of d", Queue: "a"})
			s.wait("c", "d", 0, 0)
			s.rec.Log = append(s.rec.Log, runlog.Entry{At: at(1), Kind: runlog.Settle, Resource: "of d", Queue: "a"})
			s.stand(0, 10, 0, "c")
		}},
		"behind it until a second ago": {0, 0, func(s *script) {
			ab(s, 0, 0)
			s.wait("c", "a", 0, 9)
			s.stand(0, 10, 0, "c")
		}},
	} {
		s := &script{rec: simulation.Record{Length: at(10)}}
		tt.play(s)
		slices.SortStableFunc(s.rec.Log, func(a, b runlog.Entry) int { return cmp.Compare(a.At, b.At) })
		r := Judge(&Scenario{Expect: Expectation{Outcome: Either}}, 1, s.rec)
		if len(r.Missed) != tt.missed || len(r.False) != tt.wrong {
			t.Errorf("%s: missed %q, false %q", name, r.Missed, r.False)
		}
	}
}
