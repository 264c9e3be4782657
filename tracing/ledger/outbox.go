package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Dirty reports whether Collect has something to return.
func (l *Ledger) Dirty() bool { return l.dirty.len > 0 || l.moved }

// Collect returns what has to be reported, at most limit states; the rest stays
// for the next call. What was changed several times is reported once, as it is
// now. A change of memberships comes with a heartbeat.
func (l *Ledger) Collect(now time.Time, limit int) report.Batch {
	b := report.Batch{Agent: l.agent}
	for p := l.dirty.first; p != nil && len(b.States) < limit; p = l.dirty.first {
		l.dirty.remove(p)
		switch {
		case p.blocked(), p.reported != 0, p.notable:
			b.States = append(b.States, l.state(p))
		case p.stopped:
			delete(l.procs, p.key.Activation)
		}
	}
	if l.moved {
		b.Heartbeat = l.Heartbeat(now).Heartbeat
	}
	return b
}

// state makes the next report of a process and takes it for delivered.
func (l *Ledger) state(p *Process) report.State {
	addition := !p.whole && p.blocked() && p.reported == p.epoch
	s := report.State{Key: p.key, Epoch: p.epoch, Addition: addition, Breach: p.breach}
	if p.reported != 0 {
		l.digest.Remove(p.key, p.reported, p.seq)
	}
	p.seq++
	s.Seq = p.seq
	if p.reported != 0 && p.ended.Epoch == p.reported {
		ended := p.ended
		s.Ended = &ended
	}
	if addition {
		s.Holds = fresh(p)
	} else {
		s.Waits = append([]report.Wait(nil), p.waits...)
		s.Need = p.need
		s.Holds = allHolds(p)
	}
	p.fresh, p.whole, p.notable, p.reported = p.fresh[:0], false, false, 0
	if p.blocked() {
		p.reported = p.epoch
		l.digest.Add(p.key, p.epoch, p.seq)
	}
	if p.stopped {
		delete(l.procs, p.key.Activation)
	}
	l.stats.States++
	return s
}

func fresh(p *Process) []report.Hold {
	holds := make([]report.Hold, 0, len(p.fresh))
	for _, h := range p.fresh {
		if !h.gone {
			holds = append(holds, h.report())
		}
	}
	return holds
}

// allHolds lists what p holds, sorted. What an active process owes concerns
// nobody unless somebody else may owe it too; then it is an alternative.
func allHolds(p *Process) []report.Hold {
	if len(p.holds) == 0 || !p.blocked() && !p.notable {
		return nil
	}
	holds := make([]report.Hold, 0, len(p.holds))
	for _, h := range p.holds {
		holds = append(holds, h.report())
	}
	slices.SortFunc(holds, func(a, b report.Hold) int { return strings.Compare(string(a.Resource), string(b.Resource)) })
	return holds
}

func (h *hold) report() report.Hold {
	r := report.Hold{Resource: h.resource, Kind: h.kind, Queued: h.queued, Closes: h.closes}
	if h.chain != nil {
		r.Chain = h.chain.Hops()
	}
	return r
}

// Heartbeat returns a heartbeat about what Collect has returned so far.
func (l *Ledger) Heartbeat(now time.Time) report.Batch {
	l.taken.forget(now)
	l.moved = false
	h := &report.Heartbeat{Digest: l.digest}
	for m := range l.members {
		h.Members = append(h.Members, m)
	}
	slices.SortFunc(h.Members, func(a, b report.Member) int {
		return cmp.Or(strings.Compare(a.Queue, b.Queue), compareProcesses(a.Key, b.Key))
	})
	return report.Batch{Agent: l.agent, Heartbeat: h}
}

// Answer answers a question from the state of this instant. What it tells of
// counts as reported.
func (l *Ledger) Answer(now time.Time, q report.Question) report.Batch {
	if q.Everything {
		return l.everything(now)
	}
	b := report.Batch{Agent: l.agent, Answer: &report.Answer{Round: q.Round}}
	for _, k := range q.Processes {
		if p := l.procs[k.Activation]; p != nil && p.key == k && !p.stopped {
			b.States = append(b.States, l.tell(p))
			continue
		}
		b.Answer.Unknown = append(b.Answer.Unknown, k)
	}
	l.taken.forget(now)
	for _, r := range q.Replies {
		if l.taken.has(r) {
			b.Answer.Taken = append(b.Answer.Taken, r)
		}
	}
	return b
}

// tell makes a complete report of a process out of turn.
func (l *Ledger) tell(p *Process) report.State {
	l.pending.remove(p)
	l.dirty.remove(p)
	p.whole = true
	return l.state(p)
}

// everything returns the complete set of reported states.
func (l *Ledger) everything(now time.Time) report.Batch {
	b := l.Collect(now, len(l.procs))
	told := make(map[report.Key]struct{}, len(b.States))
	for i := range b.States {
		if !b.States[i].Addition {
			told[b.States[i].Key] = struct{}{}
		}
	}
	b.States = slices.DeleteFunc(b.States, func(s report.State) bool { return s.Addition })
	var rest []*Process
	for _, p := range l.procs {
		if _, ok := told[p.key]; !ok && p.reported != 0 {
			rest = append(rest, p)
		}
	}
	slices.SortFunc(rest, func(a, b *Process) int { return compareProcesses(a.key, b.key) })
	for _, p := range rest {
		b.States = append(b.States, l.tell(p))
	}
	b.Heartbeat = l.Heartbeat(now).Heartbeat
	b.Heartbeat.Complete = true
	return b
}

func compareProcesses(a, b report.Key) int {
	return cmp.Or(strings.Compare(a.Process, b.Process), cmp.Compare(a.Activation, b.Activation))
}
