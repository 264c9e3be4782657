package demo

import (
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// Processes of a deadlock, and the timeout of its calls.
const (
	caller    = "caller"
	serverA   = "server_a:42"
	serverB   = "server_b:42"
	consumerA = "service_a.consumer"
	consumerB = "service_b.consumer"
	timeout   = 5 * time.Second
)

// deadlockPhase is what a deadlock looks like that came out as expected.
func deadlockPhase() (*Phase, []Sighting) {
	ms := func(n int) Seconds { return Seconds(time.Duration(n) * time.Millisecond) }
	p := &Phase{
		Name: "watched", Watched: true,
		Calls: []Call{
			{Process: caller, Request: "compute(42)", Error: "no reply in time"},
			{Process: caller, Request: "compute(1)", Answer: "1,000,001"},
		},
		Waits: []Wait{
			{Process: caller, For: "service_a.compute", From: ms(0), To: ms(5000), Outcome: TimedOut},
			{Process: "service_a.consumer@1", For: serverA, From: ms(1), To: ms(5001), Outcome: TimedOut},
			{Process: serverA, For: "service_b.compute", From: ms(50), To: ms(5050), Outcome: TimedOut},
			{Process: "service_b.consumer@2", For: serverB, From: ms(51), To: ms(5051), Outcome: TimedOut},
			{Process: serverB, For: "service_a.compute", From: ms(100), To: ms(5100), Outcome: TimedOut},
			{Process: "service_a.consumer@2", For: serverA, From: ms(101), To: ms(5101), Outcome: TimedOut},
			{Process: caller, For: "service_a.compute", From: ms(5200), To: ms(5203), Outcome: Answered},
			{Process: "service_a.consumer@1", For: "server_a:1", From: ms(5201), To: ms(5202), Outcome: Answered},
		},
		Events:  []Event{{Process: serverA, At: ms(5060), Text: "restarted"}},
		Crashes: []Crash{{caller, ms(5000), "timeout"}, {serverA, ms(5050), "timeout"}, {serverB, ms(5100), "timeout"}},
	}
	v := detector.Verdict{
		ID: "v1", Kind: detector.Cycle, Status: detector.Confirmed, InBand: true,
		Core:       members(serverA, "service_b.consumer@2", serverB, "service_a.consumer@2"),
		Collateral: members(caller, "service_a.consumer@1"),
	}
	suspected, ended := v, v
	suspected.Status, suspected.InBand = detector.Suspected, true
	ended.Status, ended.Cause = detector.Resolved, "timeout"
	seen := []Sighting{
		{At: 102 * time.Millisecond, Announce: detector.Announce{Verdict: suspected}},
		{At: 103 * time.Millisecond, Announce: detector.Announce{Verdict: v}},
		{At: 5051 * time.Millisecond, Announce: detector.Announce{Verdict: ended}},
	}
	p.Deadlock = deadlockOf(p, seen)
	return p, seen
}

func members(names ...string) []detector.Member {
	var all []detector.Member
	for _, name := range names {
		all = append(all, detector.Member{Key: report.Key{Process: name}})
	}
	return all
}

func TestDeadlockIsMeasuredFromItsForming(t *testing.T) {
	p, _ := deadlockPhase()
	d := p.Deadlock
	want := func(what string, got *Seconds, want time.Duration) {
		t.Helper()
		if got == nil || time.Duration(*got) != want {
			t.Errorf("%s after %v, want %v", what, got, want)
		}
	}
	want("formed", &d.Formed, 101*time.Millisecond)
	want("suspected", d.Suspected, time.Millisecond)
	want("confirmed", d.Confirmed, 2*time.Millisecond)
	want("crashed", d.Crashed, 4899*time.Millisecond)
	if d.Ratio != 2449.5 {
		t.Errorf("ratio %v, want 2449.5", d.Ratio)
	}
}

// Each check accepts the expected deadlock and refuses one that differs in a
// single point.
func TestChecks(t *testing.T) {
	cycle := Confirmed(detector.Cycle, []string{serverA, serverB, consumerA, consumerB}, []string{caller, consumerA})
	for name, c := range map[string]struct {
		check Check
		spoil func(*Phase, []Sighting)
	}{
		"wrong answer":          {Answer("compute(1)", "1,000,001"), func(p *Phase, _ []Sighting) { p.Calls[1].Answer = "1,000,002" }},
		"error for an answer":   {Answer("compute(1)", "1,000,001"), func(p *Phase, _ []Sighting) { p.Calls[1].Error = "broken" }},
		"somebody survived":     {Crashes(caller, serverA, serverB), func(p *Phase, _ []Sighting) { p.Crashes = p.Crashes[1:] }},
		"somebody else crashed": {Crashes(caller, serverA, serverB), func(p *Phase, _ []Sighting) { p.Crashes[0].Process = "service_a.consumer@1" }},
		"crashed twice":         {Crashes(caller, serverA, serverB), func(p *Phase, _ []Sighting) { p.Crashes = append(p.Crashes, p.Crashes[0]) }},
		"early timeout":         {OwnTimeouts(timeout), func(p *Phase, _ []Sighting) { p.Waits[2].To -= Seconds(time.Second) }},
		"no timeout":            {OwnTimeouts(timeout), func(p *Phase, _ []Sighting) { p.Waits[2].Outcome = Failed }},
		"no error":              {Refusal("compute(42)", "no reply"), func(p *Phase, _ []Sighting) { p.Calls[0].Error, p.Calls[0].Answer = "", "0" }},
		"another error":         {Refusal("compute(42)", "no reply"), func(p *Phase, _ []Sighting) { p.Calls[0].Error = "unknown ID" }},
		"not told":              {Once("restarted"), func(p *Phase, _ []Sighting) { p.Events = nil }},
		"told twice":            {Once("restarted"), func(p *Phase, _ []Sighting) { p.Events = append(p.Events, p.Events[0]) }},
		"not a cycle":           {cycle, func(_ *Phase, s []Sighting) { s[1].Verdict.Kind = detector.Knot }},
		"never confirmed":       {cycle, func(_ *Phase, s []Sighting) { s[1].Verdict.Status = detector.Suspected }},
		"two verdicts":          {cycle, func(_ *Phase, s []Sighting) { s[0].Verdict.ID = "v0" }},
		"core too large": {cycle, func(_ *Phase, s []Sighting) {
			s[1].Verdict.Core = append(s[1].Verdict.Core, s[1].Verdict.Collateral...)
		}},
		"caller not named": {cycle, func(_ *Phase, s []Sighting) { s[1].Verdict.Collateral = s[1].Verdict.Collateral[1:] }},
		"by the graph only": {InBand(true), func(_ *Phase, s []Sighting) {
			s[0].Verdict.InBand, s[1].Verdict.InBand, s[2].Verdict.InBand = false, false, false
		}},
		"late":                {Early, func(p *Phase, _ []Sighting) { *p.Deadlock.Confirmed = Seconds(time.Second) }},
		"undetected":          {Early, func(p *Phase, _ []Sighting) { p.Deadlock.Confirmed = nil }},
		"still standing":      {Resolved, func(_ *Phase, s []Sighting) { s[2].Verdict.Status = detector.Confirmed }},
		"resolved by a reply": {Resolved, func(_ *Phase, s []Sighting) { s[2].Verdict.Cause = "granted" }},
		"contradicted":        {Resolved, func(_ *Phase, s []Sighting) { s[2].Verdict.Contradicted = true }},
	} {
		p, seen := deadlockPhase()
		if e := c.check(p, seen); !e.Held || e.Got != "" {
			t.Errorf("%s: the expected deadlock is refused: %+v", name, e)
		}
		c.spoil(p, seen)
		if e := c.check(p, seen); e.Held || e.Got == "" {
			t.Errorf("%s: accepted: %+v", name, e)
		}
	}
}

// A wait behind the deadlock that begins later does not make it younger.
func TestCollateralDoesNotFormADeadlock(t *testing.T) {
	p, seen := deadlockPhase()
	p.Waits = append(p.Waits, Wait{Process: "late", For: serverA, From: Seconds(time.Second), To: Seconds(6 * time.Second), Outcome: TimedOut})
	if d := deadlockOf(p, seen); time.Duration(d.Formed) != 101*time.Millisecond {
		t.Errorf("formed after %v", time.Duration(d.Formed))
	}
}

func TestSilence(t *testing.T) {
	p, seen := deadlockPhase()
	if e := Silence(p, nil); !e.Held {
		t.Errorf("silence is refused: %+v", e)
	}
	if e := Silence(p, seen[:1]); e.Held {
		t.Errorf("a suspicion is accepted as silence: %+v", e)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1_000_001: "1,000,001", -1: "-1", -1000: "-1,000", -100: "-100"} {
		if got := Thousands(n); got != want {
			t.Errorf("Thousands(%d) = %s, want %s", n, got, want)
		}
	}
}
