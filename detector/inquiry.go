package detector

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// inquiry is one question to one agent: what all rounds want to know of it that
// have no answer yet. While it is under way nothing else is asked of that agent;
// what comes up meanwhile is asked next, together. So there are never more
// questions than agents, however many cores are looked into, and the slower the
// answers come, the more of them are in one.
type inquiry struct {
	id     uint64
	rounds []*round
	at     time.Time // when it was put
}

// asking is what an agent is asked.
type asking struct {
	open  []*round   // that want an answer of the agent, or did, oldest first
	put   []*inquiry // that were not answered, oldest first
	busy  bool       // the last of them is under way
	again time.Time  // when it is taken to be lost
	tries int        // inquiries that were lost in a row, it seems
	trip  time.Duration
}

// maxMerged is how many names one inquiry holds at most, unless one round alone
// has more. It keeps questions far below wire.MaxQuestion.
const maxMerged = 1000

// inquire asks an agent on behalf of a round, soon.
func (d *Detector) inquire(a *agent, r *round) {
	a.asking.open = append(a.asking.open, r)
	if !a.asking.busy {
		d.put(a)
	}
}

// put asks an agent what there is to ask of it.
func (d *Detector) put(a *agent) {
	unanswered := func(r *round) bool { return d.rounds[r.id] == r && r.silent[a.id] == a }
	a.asking.open = slices.DeleteFunc(a.asking.open, func(r *round) bool { return !unanswered(r) })
	a.asking.put = slices.DeleteFunc(a.asking.put, func(i *inquiry) bool { return !slices.ContainsFunc(i.rounds, unanswered) })
	if a.asking.busy = len(a.asking.open) > 0; !a.asking.busy {
		return
	}
	d.lastID++
	i := &inquiry{id: d.lastID, at: d.now}
	q := report.Question{Round: i.id}
	for _, r := range a.asking.open {
		more := r.question(a.id)
		if size := len(q.Processes) + len(q.Replies) + len(more.Processes) + len(more.Replies); size > maxMerged && len(i.rounds) > 0 {
			break
		}
		i.rounds = append(i.rounds, r)
		q.Processes, q.Replies = append(q.Processes, more.Processes...), append(q.Replies, more.Replies...)
	}
	a.asking.put = append(a.asking.put, i)
	a.asking.again = d.now.Add(d.patience(a))
	d.pose(a, q)
}

// pose puts a question, and counts it.
func (d *Detector) pose(a *agent, q report.Question) {
	d.stats.Questions++
	d.emit(Ask{a.id, q})
}

// patience is how long an agent's answer is waited for: a few times as long as it
// took last, longer each time that it does not come.
func (d *Detector) patience(a *agent) time.Duration {
	usual := d.cfg.AskAgain
	if trip := a.asking.trip; trip > 0 {
		usual = min(max(4*trip, usual/4), d.cfg.Lease)
	}
	return min(usual<<min(a.asking.tries, 16), max(d.cfg.Remind, usual))
}

// putAgain repeats the questions that seem to be lost. An answer to an earlier one
// is as good, should it come after all.
func (d *Detector) putAgain() {
	var due []*agent
	for _, a := range d.agents {
		if a.asking.busy && !d.now.Before(a.asking.again) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, compareAgents)
	for _, a := range due {
		a.asking.tries++
		d.put(a)
	}
}

// hearOf gives what came of the inquiry with an ID to those of its rounds that go on,
// and asks the agent what has come up meanwhile.
func (d *Detector) hearOf(a *agent, id uint64, give func(r *round)) {
	if n := slices.IndexFunc(a.asking.put, func(i *inquiry) bool { return i.id == id }); n >= 0 {
		i := a.asking.put[n]
		if n == len(a.asking.put)-1 {
			a.asking.busy, a.asking.tries = false, 0
		}
		a.asking.put = slices.Delete(a.asking.put, n, n+1)
		a.asking.trip = d.now.Sub(i.at)
		for _, r := range i.rounds {
			if d.rounds[r.id] == r {
				give(r)
				d.finished(r)
			}
		}
	}
	if !a.asking.busy {
		d.put(a)
	}
}

func (e Unreachable) apply(d *Detector) {
	if a := d.agents[e.Agent]; a != nil {
		d.hearOf(a, e.Round, func(r *round) { r.unreachable(e.Agent) })
	}
}
