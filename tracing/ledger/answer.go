package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Answer answers a question from the state of this instant. What it tells of
// counts as reported.
//
// The answer to a question for everything is to be published, since it numbers
// everything anew.
func (l *Ledger) Answer(now time.Time, q report.Question) report.Batch {
	if q.Everything {
		return l.everything(now)
	}
	l.taken.forget(now)
	b := report.Batch{Agent: l.agent, Answer: &report.Answer{Round: q.Round, Members: l.settled}}
	for _, k := range q.Processes {
		if p := l.procs[k.Activation]; p != nil && p.key == k && !p.stopped {
			b.States = append(b.States, l.tell(p))
		} else {
			b.Answer.Unknown = append(b.Answer.Unknown, l.own(k)...)
		}
	}
	b.Answer.Taken = l.takenAmong(q.Replies)
	return b
}

// own returns k if it names a process of this agent: of others the agent can
// say nothing.
func (l *Ledger) own(k report.Key) []report.Key {
	if k.Agent != l.agent || !proper(k.Process, report.MaxName) {
		return nil
	}
	return []report.Key{k}
}

// tell makes a complete report of p to one detector. What is news in it is
// published later, if it has to do with a wait; call chains come along with news
// only, since what was published is known.
func (l *Ledger) tell(p *Process) report.State {
	if !p.blocked() || p.in(pendingSlot) {
		p.stale = true // what an active process does is not kept track of
		l.pending.remove(p)
	}
	l.number(p)
	hops := 0
	if p.seq != p.published && p.newsworthy() {
		l.pending.remove(p)
		l.dirty.push(p)
		hops = maxBatchHops
	}
	return p.state(&hops)
}

// everything publishes the complete set of reported states, under new numbers:
// a detector that gave them up for lost takes them for news. A set that is too large
// for one batch is published in parts: this is the next.
func (l *Ledger) everything(now time.Time) report.Batch {
	all, part := l.untold(), report.Part{After: l.told}
	if n := l.fit(all); n < len(all) {
		all, part.Through = all[:n], all[n-1].key.Activation
	}
	l.told = part.Through
	b, hops := report.Batch{Agent: l.agent, States: make([]report.State, 0, len(all))}, maxBatchHops
	for _, p := range all {
		l.dirty.remove(p)
		p.stale, p.whole = true, true
		b.States = append(b.States, l.publish(p, &hops))
		l.bury(p)
	}
	beat := l.Heartbeat(now)
	b.States, b.Heartbeat = append(b.States, beat.States...), beat.Heartbeat
	b.Heartbeat.Complete, b.Heartbeat.Part = true, part
	return b
}

// untold returns the processes that belong to the complete set and are still to be
// told of, by their activations.
func (l *Ledger) untold() []*Process {
	var all []*Process
	for _, p := range l.procs {
		if p.key.Activation > l.told && (p.numbered != 0 || p.exposed || (p.in(dirtySlot) && p.newsworthy())) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *Process) int { return cmp.Compare(a.key.Activation, b.key.Activation) })
	return all
}

// fit returns how many processes make one part, at least one if there are any.
func (l *Ledger) fit(all []*Process) int {
	room := l.cfg.PartBytes
	for i, p := range all {
		if room -= p.size(); room < 0 && i > 0 {
			return i
		}
	}
	return len(all)
}

// size is about how many bytes a report of p has, but for call chains.
func (p *Process) size() int {
	const state, wait, hold = 300, 150, 100
	n := state + len(p.key.Process)
	for i := range p.waits {
		w := &p.waits[i]
		n += wait + len(w.Resource) + len(w.Destination.Exchange) + len(w.Destination.Key)
	}
	for r := range p.holds {
		n += hold + len(r)
	}
	return n
}
