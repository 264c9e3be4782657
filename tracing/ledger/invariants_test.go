package ledger

import (
	"fmt"

	"github.com/waitgraph/waitgraph/detector/report"
)

// checkInvariants recomputes what the ledger keeps up to date.
func (l *Ledger) checkInvariants() error {
	var digest report.Digest
	blocked := 0
	for _, p := range l.procs {
		if err := l.checkProcess(p); err != nil {
			return fmt.Errorf("%v: %w", p.key, err)
		}
		if p.numbered != 0 {
			digest.Add(p.key, p.numbered, p.seq)
		}
		if p.blocked() {
			blocked++
		}
	}
	switch {
	case digest != l.digest:
		return fmt.Errorf("digest %+v, recomputed %+v", l.digest, digest)
	case blocked != l.stats.Blocked:
		return fmt.Errorf("%d blocked, counted %d", blocked, l.stats.Blocked)
	}
	return l.checkPending()
}

func (l *Ledger) checkProcess(p *Process) error {
	queued, owned, shared := 0, 0, 0
	for r, h := range p.holds {
		if h.queued {
			queued++
		}
		if h.owned() {
			owned++
		}
		if h.shared {
			shared++
		}
		if h.resource != r || h.gone {
			return fmt.Errorf("hold of %s: %+v", r, h)
		}
	}
	told := p.numbered == 0 || p.numbered == p.epoch && p.blocked()
	switch {
	case queued != p.queued, owned != p.owned, shared != p.shared:
		return fmt.Errorf("%d queued, %d owned, %d shared, counted %d, %d and %d", queued, owned, shared, p.queued, p.owned, p.shared)
	case p.blocked() && (p.need < 1 || p.need > len(p.waits)):
		return fmt.Errorf("needs %d of %d", p.need, len(p.waits))
	case p.in(pendingSlot) && (!p.blocked() || p.numbered == p.epoch || p.public == p.epoch):
		return fmt.Errorf("pending in epoch %d, blocked %v, numbered %d, public %d", p.epoch, p.blocked(), p.numbered, p.public)
	case p.blocked() && p.numbered != p.epoch && !p.in(pendingSlot) && !p.in(dirtySlot):
		return fmt.Errorf("its wait will never be reported")
	case !told && !p.in(dirtySlot):
		return fmt.Errorf("the end of epoch %d will never be reported", p.numbered)
	case (p.seq != p.published || p.stale) && p.blocked() && !p.in(pendingSlot) && !p.in(dirtySlot):
		return fmt.Errorf("its state is not published")
	case p.stopped && !p.in(dirtySlot):
		return fmt.Errorf("stopped and not forgotten")
	}
	return nil
}

func (l *Ledger) checkPending() error {
	for _, q := range []*list{&l.pending, &l.dirty} {
		n := 0
		for p := q.first; p != nil; p = p.links[q.slot].next {
			if n++; l.procs[p.key.Activation] != p {
				return fmt.Errorf("%v is in list %d and unknown", p.key, q.slot)
			}
			if next := p.links[q.slot].next; next != nil && q.slot == pendingSlot && next.since.Before(p.since) {
				return fmt.Errorf("%v is due after its successor", p.key)
			}
		}
		if n != q.len {
			return fmt.Errorf("list %d has %d, counted %d", q.slot, n, q.len)
		}
	}
	return nil
}
