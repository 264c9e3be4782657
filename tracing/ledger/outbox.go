package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

const (
	// maxBatchHolds is how many holds a batch may have before another state
	// is left to the next one.
	maxBatchHolds = 10_000
	// maxBatchHops is how many hops a batch carries. Chains are hints: a hold
	// beyond goes without.
	maxBatchHops = 20_000
)

// Dirty reports whether Collect has something to return.
func (l *Ledger) Dirty() bool { return l.dirty.len > 0 || l.moved }

// Collect returns what has to be published, at most limit states; the rest stays
// for the next call. What was changed several times is reported once, as it is
// now. A change of memberships comes with a heartbeat.
func (l *Ledger) Collect(now time.Time, limit int) report.Batch {
	b := report.Batch{Agent: l.agent}
	hops, holds := maxBatchHops, maxBatchHolds
	for p := l.dirty.first; p != nil && len(b.States) < limit && hops > 0 && holds > 0; p = l.dirty.first {
		l.dirty.remove(p)
		if p.newsworthy() {
			s := l.publish(p, &hops)
			holds -= len(s.Holds)
			b.States = append(b.States, s)
		}
		l.bury(p)
	}
	if l.moved {
		beat := l.Heartbeat(now)
		b.States = append(b.States, beat.States...)
		b.Heartbeat = beat.Heartbeat
	}
	return b
}

// newsworthy reports whether there is still something to say of a process. A
// wait that ended before it was reported is none of it.
func (p *Process) newsworthy() bool {
	return (p.blocked() && !p.in(pendingSlot)) || p.numbered != 0 || p.public != 0 || p.notable
}

// Heartbeat returns a heartbeat about all reports so far. It brings those along
// that were numbered by an answer and have not been published.
func (l *Ledger) Heartbeat(now time.Time) report.Batch {
	l.taken.forget(now)
	b, hops := report.Batch{Agent: l.agent}, maxBatchHops
	for p := l.dirty.first; p != nil; {
		next := p.links[dirtySlot].next
		if p.seq != p.published {
			l.dirty.remove(p)
			b.States = append(b.States, l.publish(p, &hops))
			l.bury(p)
		}
		p = next
	}
	l.moved = false
	l.beats++
	b.Heartbeat = &report.Heartbeat{Seq: l.beats, Digest: l.digest, Members: l.sortedMembers()}
	return b
}

func (l *Ledger) sortedMembers() []report.Member {
	members := make([]report.Member, 0, len(l.members))
	for m := range l.members {
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b report.Member) int {
		return cmp.Or(strings.Compare(a.Queue, b.Queue), cmp.Compare(a.Key.Activation, b.Key.Activation))
	})
	return members
}

// number gives what p is now the next number, unless report seq told just this.
func (l *Ledger) number(p *Process) {
	if p.seq != 0 && !p.stale {
		return
	}
	if p.numbered != 0 {
		l.digest.Remove(p.key, p.numbered, p.seq)
	}
	p.seq++
	p.stale, p.numbered, p.exposed = false, 0, !p.blocked() && p.shared > 0
	if p.blocked() && !p.in(pendingSlot) {
		p.numbered = p.epoch
		l.digest.Add(p.key, p.epoch, p.seq)
	}
	l.stats.States++
}

// publish makes the report that all detectors are sent next. It is an addition
// if p has only grown since the last one, and that was the one before. Of a
// process that has begun to wait again, uncontended, and shares no hold, it tells
// only how the reported wait ended, in an epoch between the two: receivers ignore
// what is older than they know. It takes the hops that it carries from the batch's.
func (l *Ledger) publish(p *Process, hops *int) report.State {
	if p.notable || p.shared > 0 {
		l.pending.remove(p)
	}
	l.number(p)
	var s report.State
	switch {
	case p.in(pendingSlot):
		s = report.State{Key: p.key, Epoch: p.epoch - 1, Seq: p.seq, Breach: p.breach, Ended: p.end()}
	case p.blocked() && p.public == p.epoch && !p.whole && p.seq == p.published+1:
		s = report.State{Key: p.key, Epoch: p.epoch, Seq: p.seq, Addition: true, Breach: p.breach, Holds: p.freshHolds(hops)}
	default:
		s = p.state(hops)
	}
	for _, h := range p.fresh {
		if h.fresh = false; h.gone {
			l.recycle(h)
		}
	}
	clear(p.fresh)
	p.fresh, p.whole, p.notable = p.fresh[:0], false, false
	p.published, p.public, p.shown = p.seq, p.numbered, p.exposed
	return s
}

// state is the complete report of p under its present number, with call chains
// of so many hops: none without contention, when they are of no use yet.
func (p *Process) state(hops *int) report.State {
	if p.blocked() && p.calm {
		hops = new(int)
	}
	return report.State{
		Key: p.key, Epoch: p.epoch, Seq: p.seq, Breach: p.breach,
		Waits: slices.Clone(p.waits), Need: p.need, Holds: p.allHolds(hops), Ended: p.end(),
	}
}

// end tells how the last epoch ended that was numbered, nil if there was none.
func (p *Process) end() *report.End {
	if p.ended.Epoch == 0 {
		return nil
	}
	ended := p.ended
	return &ended
}

func (p *Process) freshHolds(hops *int) []report.Hold {
	holds := make([]report.Hold, 0, len(p.fresh))
	for _, h := range p.fresh { // none is gone: that would make the report complete
		holds = append(holds, h.report(hops))
	}
	return holds
}

// allHolds lists what p holds, sorted; of an active process only what others
// may be taken for the holder of.
func (p *Process) allHolds(hops *int) []report.Hold {
	holds := make([]report.Hold, 0, len(p.holds))
	for _, h := range p.holds {
		if p.blocked() || h.shared {
			holds = append(holds, h.report(hops))
		}
	}
	slices.SortFunc(holds, func(a, b report.Hold) int { return strings.Compare(string(a.Resource), string(b.Resource)) })
	return holds
}

// report is the hold as it is reported, with its chain if that is within hops.
func (h *hold) report(hops *int) report.Hold {
	r := report.Hold{Resource: h.resource, Kind: h.kind, Queued: h.queued, Closes: h.closes}
	if h.chain != nil && *hops > 0 {
		r.Chain = h.chain.Hops()
		*hops -= len(r.Chain)
	}
	return r
}
