package scenario

import (
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
