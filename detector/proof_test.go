package detector_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/verify"
)

// verifyProofs has every verdict that is confirmed checked by its proof alone,
// as it would travel.
func verifyProofs(t *testing.T, effects []detector.Effect) {
	t.Helper()
	for _, e := range effects {
		a, ok := e.(detector.Announce)
		if !ok || (a.Verdict.Status != detector.Confirmed && a.Verdict.Proof == nil) {
			continue
		}
		v := verify.Verdict{ID: a.Verdict.ID, Proof: a.Verdict.Proof}
		for _, m := range a.Verdict.Core {
			v.Core = append(v.Core, verify.Claim{
				Process: proof.Process{Name: m.Key.Process, Agent: m.Key.Agent.String(), Activation: m.Key.Activation}, Epoch: m.Epoch,
			})
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var read verify.Verdict
		if err := json.Unmarshal(data, &read); err != nil {
			t.Fatal(err)
		}
		if checked, err := read.Check(); err != nil {
			t.Errorf("the proof is wrong: %v; checked before that: %q\n%s", err, checked, data)
		}
		if a.Verdict.Reason != "" && !leavesOpen(v.Proof) {
			t.Errorf("nothing is open in the proof, although %s\n%s", a.Verdict.Reason, data)
		}
	}
}

// leavesOpen reports whether a proof does without some wait.
func leavesOpen(p *proof.Proof) bool {
	return slices.ContainsFunc(p.Members, func(m proof.Member) bool {
		return slices.ContainsFunc(m.Edges, func(e proof.Edge) bool { return e.Open != "" })
	})
}

// Where all hold what all wait for, a proof names the holders once and not for each
// who waits.
func TestProofsShareHolders(t *testing.T) {
	d, now, a := detector.New(detector.DefaultConfig()), epochStart, report.Agent{Name: "a", Incarnation: 1}
	var states []report.State
	for i := range uint64(20) {
		states = append(states, report.State{
			Key: report.Key{Agent: a, Process: "p", Activation: i + 1}, Epoch: 1, Seq: 1, Need: 1,
			Waits: []report.Wait{{Resource: "lock", Kind: report.Lock, Since: now}}, Holds: []report.Hold{{Resource: "lock", Kind: report.Lock}},
		})
	}
	say := func(b report.Batch) []detector.Effect {
		now, b.Agent = now.Add(time.Second), a
		return d.Step(now, detector.Reported{Batch: &b})
	}
	say(report.Batch{Heartbeat: &report.Heartbeat{Seq: 1}})
	for _, e := range say(report.Batch{States: states}) {
		if ask, ok := e.(detector.Ask); ok {
			say(report.Batch{States: states, Answer: &report.Answer{Round: ask.Question.Round}})
		}
	}
	v := d.Verdicts()[0]
	if v.Status != detector.Confirmed {
		t.Fatalf("%s: %s", v.Status, v.Reason)
	}
	first := v.Proof.Members[0].Edges[0].Holders
	for _, m := range v.Proof.Members {
		if h := m.Edges[0].Holders; len(h) != len(states) || &h[0] != &first[0] {
			t.Errorf("%+v names %d holders of its own", m.Process, len(h))
		}
	}
}
