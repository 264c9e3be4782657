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
// a detector that gave them up for lost takes them for news.
func (l *Ledger) everything(now time.Time) report.Batch {
	var all []*Process
	for _, p := range l.procs {
		if p.numbered != 0 || p.exposed || (p.in(dirtySlot) && p.newsworthy()) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *Process) int { return cmp.Compare(a.key.Activation, b.key.Activation) })
	b, hops := report.Batch{Agent: l.agent, States: make([]report.State, 0, len(all))}, maxBatchHops
	for _, p := range all {
		l.dirty.remove(p)
		p.stale, p.whole = true, true
		b.States = append(b.States, l.publish(p, &hops))
		l.bury(p)
	}
	b.Heartbeat = l.Heartbeat(now).Heartbeat
	b.Heartbeat.Complete = true
	return b
}
