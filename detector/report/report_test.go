package report_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/waitgraph/waitgraph/detector/report"
)

var (
	agent = report.Agent{Name: "shop", Incarnation: 7}
	cart  = report.Key{Agent: agent, Process: "cart:1", Activation: 2}
	stock = report.Key{Agent: report.Agent{Name: "stock", Incarnation: 3}, Process: "stock:1"}
)

// batch returns one that uses everything there is.
func batch() *report.Batch {
	return &report.Batch{
		Agent: agent, Service: "shop", Host: "h1",
		States: []report.State{{
			Key: cart, Epoch: 5, Seq: 1, Need: 1,
			Waits: []report.Wait{{Resource: "r1", Kind: report.Reply, Destination: report.Destination{Key: "stock"}}, {Resource: "r2", Kind: report.Lock}},
			Holds: []report.Hold{{Resource: "r3", Kind: report.Reply, Chain: []report.Hop{{Key: stock, Epoch: 1, Reply: "r3"}}}},
			Ended: &report.End{Epoch: 4, Cause: report.TimedOut},
		}},
		Heartbeat: &report.Heartbeat{Seq: 1, Members: []report.Member{{Key: cart, Queue: "orders"}}},
		Answer:    &report.Answer{Round: 1, Unknown: []report.Key{cart}, Taken: []report.Resource{"r9"}},
	}
}

func TestValidateTakesWhatAgentsSay(t *testing.T) {
	if err := batch().Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateRefuses(t *testing.T) {
	long := strings.Repeat("x", report.MaxName+1)
	for name, spoil := range map[string]func(b *report.Batch, s *report.State){
		"an agent without a name":          func(b *report.Batch, _ *report.State) { b.Agent.Name = "" },
		"an agent without an incarnation":  func(b *report.Batch, _ *report.State) { b.Agent.Incarnation = 0 },
		"an overlong service":              func(b *report.Batch, _ *report.State) { b.Service = long },
		"a state of another agent":         func(_ *report.Batch, s *report.State) { s.Key = stock },
		"a process without a name":         func(_ *report.Batch, s *report.State) { s.Key.Process = "" },
		"a name that is not UTF-8":         func(_ *report.Batch, s *report.State) { s.Key.Process = "\xff" },
		"waits without an epoch":           func(_ *report.Batch, s *report.State) { s.Epoch = 0 },
		"a need of nothing":                func(_ *report.Batch, s *report.State) { s.Need = 0 },
		"a need of more than there is":     func(_ *report.Batch, s *report.State) { s.Need = 3 },
		"the same wait twice":              func(_ *report.Batch, s *report.State) { s.Waits[1].Resource = "r1" },
		"a wait of no kind":                func(_ *report.Batch, s *report.State) { s.Waits[0].Kind = 0 },
		"a wait without a name":            func(_ *report.Batch, s *report.State) { s.Waits[0].Resource = "" },
		"a negative number of refusals":    func(_ *report.Batch, s *report.State) { s.Waits[0].Refusals = -1 },
		"refusals without end":             func(_ *report.Batch, s *report.State) { s.Waits[0].Refusals = report.MaxRefusals + 1 },
		"an overlong routing key":          func(_ *report.Batch, s *report.State) { s.Waits[0].Destination.Key = long },
		"too many waits":                   func(_ *report.Batch, s *report.State) { s.Waits = make([]report.Wait, report.MaxWaits+1) },
		"a hold of no kind":                func(_ *report.Batch, s *report.State) { s.Holds[0].Kind = 99 },
		"a hop without an epoch":           func(_ *report.Batch, s *report.State) { s.Holds[0].Chain[0].Epoch = 0 },
		"a hop without a reply":            func(_ *report.Batch, s *report.State) { s.Holds[0].Chain[0].Reply = "" },
		"an endless chain":                 func(_ *report.Batch, s *report.State) { s.Holds[0].Chain = make([]report.Hop, report.MaxChain+1) },
		"an addition with waits":           func(_ *report.Batch, s *report.State) { s.Addition = true },
		"an end without a cause":           func(_ *report.Batch, s *report.State) { s.Ended.Cause = 0 },
		"a heartbeat without a number":     func(b *report.Batch, _ *report.State) { b.Heartbeat.Seq = 0 },
		"a member of another agent":        func(b *report.Batch, _ *report.State) { b.Heartbeat.Members[0].Key = stock },
		"a member of no queue":             func(b *report.Batch, _ *report.State) { b.Heartbeat.Members[0].Queue = "" },
		"an answer about another agent's":  func(b *report.Batch, _ *report.State) { b.Answer.Unknown[0] = stock },
		"a request taken that has no name": func(b *report.Batch, _ *report.State) { b.Answer.Taken[0] = "" },
	} {
		b := batch()
		spoil(b, &b.States[0])
		if err := b.Validate(); !errors.Is(err, report.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The digest of a set does not depend on the order in which it came about, and
// tells sets apart that differ in any part of any entry.
func TestDigest(t *testing.T) {
	other := cart
	other.Activation++
	var ab, ba, removed, a report.Digest
	ab.Add(cart, 1, 1)
	ab.Add(other, 2, 1)
	ba.Add(other, 2, 1)
	ba.Add(cart, 1, 1)
	if ab != ba {
		t.Errorf("%v added in another order is %v", ab, ba)
	}
	a.Add(cart, 1, 1)
	removed = ab
	removed.Remove(other, 2, 1)
	if removed != a {
		t.Errorf("%v, not %v, is left", removed, a)
	}
	seen := map[report.Digest]bool{a: true}
	for _, e := range []struct {
		key        report.Key
		epoch, seq uint64
	}{{other, 1, 1}, {cart, 2, 1}, {cart, 1, 2}, {stock, 1, 1}} {
		var d report.Digest
		d.Add(e.key, e.epoch, e.seq)
		if seen[d] {
			t.Errorf("%+v has the digest of something else", e)
		}
		seen[d] = true
	}
}

func TestNamesAndBack(t *testing.T) {
	for k := report.Reply; k.Valid(); k++ {
		if got, ok := report.ParseKind(k.String()); !ok || got != k {
			t.Errorf("%v parses as %v, %t", k, got, ok)
		}
	}
	for c := report.Granted; c.Valid(); c++ {
		if got, ok := report.ParseCause(c.String()); !ok || got != c {
			t.Errorf("%v parses as %v, %t", c, got, ok)
		}
	}
	if _, ok := report.ParseKind("kind(0)"); ok {
		t.Error("an unknown kind parses")
	}
}

// Two processes that go on a few times do not look as if they had not.
func TestDigestsDiffer(t *testing.T) {
	p, q := report.Key{Process: "pool0.worker0", Activation: 16}, report.Key{Process: "client5", Activation: 17}
	const epochs, seqs = 64, 4
	type state struct{ p, pSeq, q, qSeq uint64 }
	seen := make(map[report.Digest]state)
	for i := range uint64(epochs * epochs * seqs * seqs) {
		s := state{i % epochs, i / epochs % seqs, i / epochs / seqs % epochs, i / epochs / seqs / epochs}
		var d report.Digest
		d.Add(p, s.p, s.pSeq)
		d.Add(q, s.q, s.qSeq)
		if o, same := seen[d]; same {
			t.Fatalf("%+v and %+v have the same digest", o, s)
		}
		seen[d] = s
	}
}
