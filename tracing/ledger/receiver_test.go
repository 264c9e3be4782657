package ledger

import (
	"fmt"
	"slices"

	"github.com/waitgraph/waitgraph/detector/report"
)

// receiver is a detector's memory at its plainest: what report says about
// epochs, numbers and additions, and nothing else.
type receiver struct {
	states  map[report.Key]*known
	beat    uint64 // the last heartbeat
	members []report.Member
}

type known struct {
	epoch, seq, base uint64
	waits            []report.Resource
	holds            map[report.Resource]struct{}
}

func (r *receiver) take(s report.State) {
	k := r.states[s.Key]
	if k == nil {
		k = new(known)
		r.states[s.Key] = k
	}
	switch {
	case s.Addition && (s.Epoch != k.epoch || s.Seq <= k.base):
		return
	case s.Addition:
		k.seq = max(k.seq, s.Seq)
	case s.Seq <= k.base, s.Epoch < k.epoch:
		return
	default:
		*k = known{epoch: s.Epoch, seq: s.Seq, base: s.Seq, holds: make(map[report.Resource]struct{})}
		for i := range s.Waits {
			k.waits = append(k.waits, s.Waits[i].Resource)
		}
	}
	for i := range s.Holds {
		k.holds[s.Holds[i].Resource] = struct{}{}
	}
}

func (r *receiver) takeAll(b report.Batch) {
	for _, s := range b.States {
		r.take(s)
	}
	if h := b.Heartbeat; h != nil {
		r.beat, r.members = h.Seq, h.Members
	}
}

func (r *receiver) digest() (d report.Digest) {
	for k, s := range r.states {
		if len(s.waits) > 0 {
			d.Add(k, s.epoch, s.seq)
		}
	}
	return d
}

// differs compares what is known with a ledger of which everything has been
// collected: of the blocked processes everything, of others who holds what others
// may be taken for the holder of.
func (r *receiver) differs(l *Ledger) error {
	if !slices.Equal(r.members, l.sortedMembers()) {
		return fmt.Errorf("the members are %v, known are %v", l.sortedMembers(), r.members)
	}
	for key, k := range r.states {
		if l.procs[key.Activation] == nil && len(k.waits)+len(k.holds) > 0 {
			return fmt.Errorf("%v is gone, known is %+v", key, k)
		}
	}
	for _, p := range l.procs {
		differs := r.differsOnBlocked
		if !p.blocked() || p.in(pendingSlot) {
			differs = r.differsOnActive
		}
		if err := differs(p); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) differsOnActive(p *Process) error {
	k := r.states[p.key]
	if k == nil {
		k = new(known)
	}
	if len(k.waits) > 0 {
		return fmt.Errorf("%v waits for nothing that was to be told, known is %v", p.key, k.waits)
	}
	for r, h := range p.holds {
		if _, ok := k.holds[r]; ok != h.shared {
			return fmt.Errorf("%v holds %+v, known are %v", p.key, h, k.holds)
		}
	}
	for r := range k.holds {
		if p.holds[r] == nil {
			return fmt.Errorf("%v does not hold %s", p.key, r)
		}
	}
	return nil
}

func (r *receiver) differsOnBlocked(p *Process) error {
	k := r.states[p.key]
	if k == nil || k.epoch != p.epoch || len(k.waits) != len(p.waits) || len(k.holds) != len(p.holds) {
		return fmt.Errorf("%v is %+v, known is %+v", p.key, p, k)
	}
	for i, r := range k.waits {
		if p.waits[i].Resource != r {
			return fmt.Errorf("%v waits for %v, known is %v", p.key, p.waits, k.waits)
		}
	}
	for r := range p.holds {
		if _, ok := k.holds[r]; !ok {
			return fmt.Errorf("%v holds %s unknown to the receiver", p.key, r)
		}
	}
	return nil
}
