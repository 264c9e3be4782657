package sidecar

import (
	"slices"
	"sync"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// Bounds on what is kept of verdicts that have ended.
const (
	maxPast       = 100
	maxPastBytes  = 16 << 20 // of their explanations, together; the latest is kept all the same
	maxPastProven = 20_000   // members of their proofs, together
)

// past is the verdicts that have ended, safe for concurrent use.
type past struct {
	mu       sync.Mutex
	verdicts []explain.Proven // oldest first
}

func (p *past) add(v explain.Proven) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verdicts = append(p.verdicts, v)
	first, size, members := len(p.verdicts)-1, v.Size(), 0
	for first > 0 && len(p.verdicts)-first < maxPast {
		if size += p.verdicts[first-1].Size(); size > maxPastBytes {
			break
		}
		first--
	}
	p.verdicts = slices.Delete(p.verdicts, 0, first)
	for i := range slices.Backward(p.verdicts) {
		v := &p.verdicts[i]
		if v.Proof == nil {
			continue
		}
		if members += len(v.Proof.Members); members > maxPastProven {
			v.Proof, v.Unproven = nil, "its proof is no longer kept"
		}
	}
}

// latestFirst returns a copy, without the proofs.
func (p *past) latestFirst() []explain.Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]explain.Verdict, 0, len(p.verdicts))
	for i := range p.verdicts {
		all = append(all, p.verdicts[len(p.verdicts)-1-i].Verdict)
	}
	return all
}

// named returns the latest verdict with an ID.
func (p *past) named(id string) (explain.Proven, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range slices.Backward(p.verdicts) {
		if v.ID == id {
			return v, true
		}
	}
	return explain.Proven{}, false
}
