package detector_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/proof"
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
