package detector

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// round is one asking about a core. Its queues are counted, and then its agents
// are asked. Its members were all blocked together, each on the next, from its
// beginning to the asking if every one of them says afterwards that it is in the
// same wait epoch and still holds what its predecessor waits for: an epoch lasts
// without a break, and what is held in it stays held. So they were when the broker
// counted, and its count is of them.
type round struct {
	id      uint64
	verdict *verdict
	core    core // as it stood at the beginning
	// witnesses are the agents that were asked: those of the members and, if
	// requests of the core lie untaken, all others that were heard, or heard of. A
	// process that took one and crashed consumes nothing any more; its agent knows.
	witnesses []report.Agent
	young     bool // some witness may not have been heard yet

	silent  map[report.Agent]*agent // not heard yet
	answers map[report.Key]report.State
	taken   map[report.Resource][]report.Agent // requests that were taken, and by whose processes
	failed  map[report.Agent]*agent            // could not be asked
	members map[report.Agent]uint64            // the heartbeat that tells of what an agent's processes consumed when it answered
	beats   map[report.Agent]uint64            // the latest heartbeats of the consumers' agents when it began
	doubted map[*resource]struct{}             // when the agents were asked
	refused map[space]int                      // that was refused since the core was first asked about; how often until then
	counts  map[string]*QueueCounted           // by queue; nil until counted
	minutes minutes
}

// ask begins a round about a verdict's core and drops the one under way.
func (d *Detector) ask(v *verdict) {
	d.drop(v)
	d.lastID++
	r := &round{
		id: d.lastID, verdict: v, core: v.core,
		silent:  make(map[report.Agent]*agent),
		failed:  make(map[report.Agent]*agent),
		answers: make(map[report.Key]report.State),
		taken:   make(map[report.Resource][]report.Agent),
		members: make(map[report.Agent]uint64),
		beats:   v.core.beats(),
		doubted: make(map[*resource]struct{}),
		refused: v.refusedSince(),
		counts:  make(map[string]*QueueCounted),
		minutes: newMinutes(d.now),
	}
	d.rounds[r.id], v.round = r, r
	r.young = d.young() && r.untaken()
	for _, name := range r.queues() {
		r.counts[name] = nil
	}
	d.count(r)
	d.interrogate(r)
}

// beats returns the latest heartbeats of those who consume the queues that the core
// waits for.
func (c core) beats() map[report.Agent]uint64 {
	all := make(map[report.Agent]uint64)
	seen := make(map[*queue]struct{})
	for i := range c {
		for _, w := range c[i].waits {
			if _, known := seen[w.queue]; known || !w.inside || w.queue == nil {
				continue
			}
			seen[w.queue] = struct{}{}
			for _, n := range w.holders.nodes {
				all[n.key.Agent] = n.agent.beat
			}
		}
	}
	return all
}

// drop ends the round under way about a verdict, if there is one, with nothing said.
func (d *Detector) drop(v *verdict) {
	if v.round != nil {
		delete(d.rounds, v.round.id)
		v.round = nil
	}
}

// interrogate asks the agents once all queues are counted, never before: a member
// that had answered could die before the count, and a consumer that nobody watches
// be counted in its place.
func (d *Detector) interrogate(r *round) {
	if r.uncounted() || !r.minutes.asked.IsZero() {
		return
	}
	r.minutes.asked = d.now
	for _, m := range r.core {
		for _, w := range m.waits {
			if len(w.on.doubts) > 0 {
				r.doubted[w.on] = struct{}{}
			}
		}
	}
	r.witnesses = d.witnesses(r)
	for _, id := range r.witnesses {
		if a := d.agents[id]; a != nil { // otherwise it was forgotten meanwhile, like its process
			r.silent[id] = a
			d.inquire(a, r)
		}
	}
}

// doubts reports whether it cannot be known that a request still lies in its queue,
// or could not when the agents were asked: who cast the doubt may be back since, and
// was not among them.
func (r *round) doubts(on *resource) bool {
	_, then := r.doubted[on]
	return then || len(on.doubts) > 0
}

// count has the queues counted that are not, and says when the round is to be
// looked at again.
func (d *Detector) count(r *round) {
	v := r.verdict
	v.askAt = d.now.Add(min(d.cfg.AskAgain<<min(v.asks, 16), max(d.cfg.Remind, d.cfg.AskAgain)))
	v.asks++
	if r.young {
		v.askAt = d.start.Add(d.cfg.Lease / 2)
	}
	for _, name := range r.queues() {
		if r.counts[name] == nil {
			d.countQueue(r.id, name)
		}
	}
}

// roundTime is how long the counting of a round may last, and then its asking: what
// is said later of its beginning is old, and agents do not remember for ever what
// they have taken.
const roundTime = 10 * time.Second

// askAgain goes on with the asking about a verdict. While the round under way can
// prove the present core it stays, since the answers may be on their way: to
// begin another one whenever they take long would mean to hear none in time.
func (d *Detector) askAgain(v *verdict) {
	r := v.round
	if r == nil || !r.core.sameButTaken(v.core) {
		d.ask(v)
		return
	}
	v.reason = r.missing()
	if r.young || d.now.Sub(later(r.minutes.begun, r.minutes.asked)) >= roundTime {
		d.ask(v)
		return
	}
	d.count(r)
}

// witnesses returns the agents that can tell about a core, sorted.
func (d *Detector) witnesses(r *round) []report.Agent {
	var agents []report.Agent
	for _, m := range r.core {
		agents = append(agents, m.node.key.Agent)
	}
	if r.untaken() {
		for id, a := range d.agents {
			if !a.lost {
				agents = append(agents, id)
			}
		}
	}
	slices.SortFunc(agents, func(a, b report.Agent) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(agents)
}

// question asks one agent about its members of the core, and whether it has
// taken any request that nobody is known to have taken.
func (r *round) question(a report.Agent) (q report.Question) {
	for _, m := range r.core {
		if m.node.key.Agent == a {
			q.Processes = append(q.Processes, m.node.key)
		}
		for _, w := range m.waits {
			if w.inside && w.queue != nil && w.Kind == report.Reply {
				q.Replies = append(q.Replies, w.Resource)
			}
		}
	}
	return q
}

// untaken reports whether requests of the core lie in queues.
func (r *round) untaken() bool {
	return slices.ContainsFunc(r.core, func(m coreMember) bool {
		return slices.ContainsFunc(m.waits, func(w coreWait) bool { return w.inside && w.untaken() })
	})
}

// queues returns the queues whose consumers the core waits for, sorted.
func (r *round) queues() []string {
	var names []string
	for _, m := range r.core {
		for _, w := range m.waits {
			if w.inside && w.queue != nil {
				names = append(names, w.queue.name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (r *round) answered(now time.Time, b *report.Batch) {
	if _, asked := r.silent[b.Agent]; !asked {
		return
	}
	delete(r.silent, b.Agent)
	r.minutes.answered[b.Agent], r.minutes.taken[b.Agent] = now, b.Answer.Taken
	r.members[b.Agent] = b.Answer.Members
	for _, s := range b.States {
		r.answers[s.Key] = s
	}
	for _, name := range b.Answer.Taken {
		r.taken[name] = append(r.taken[name], b.Agent)
	}
}

func (r *round) unreachable(a report.Agent) {
	if asked := r.silent[a]; asked != nil {
		delete(r.silent, a)
		r.failed[a] = asked
	}
}

func (r *round) counted(now time.Time, c QueueCounted) {
	if before, asked := r.counts[c.Queue]; asked && before == nil {
		r.counts[c.Queue], r.minutes.counted[c.Queue] = &c, now
	}
}

// missing words what a round is waiting for.
func (r *round) missing() string {
	for _, name := range r.queues() {
		if r.counts[name] == nil {
			return fmt.Sprintf("the broker has not counted the queue %s", name)
		}
	}
	for _, a := range r.witnesses {
		if silent := r.silent[a]; silent != nil && !silent.lost {
			return fmt.Sprintf("the agent %s has not answered", a.Name)
		}
	}
	return r.verdict.reason
}

// uncounted reports whether the broker has still to count a queue.
func (r *round) uncounted() bool {
	for _, c := range r.counts {
		if c == nil {
			return true
		}
	}
	return false
}

// complete reports whether all has been heard that will be: an agent that is lost
// says nothing any more.
func (r *round) complete() bool {
	for _, a := range r.silent {
		if !a.lost {
			return false
		}
	}
	return !r.uncounted()
}

// finished puts a round that has all its answers before judge, which looks at
// it after the graph has been brought in line with them.
func (d *Detector) finished(r *round) {
	if r.complete() && d.rounds[r.id] == r {
		d.ready = append(d.ready, r)
	}
}

// excuse ends the waiting for what an agent that is over has not said.
func (d *Detector) excuse(a *agent) {
	for _, id := range slices.Sorted(maps.Keys(d.rounds)) {
		if r := d.rounds[id]; r.silent[a.id] == a {
			d.finished(r)
		}
	}
	for _, v := range d.verdicts {
		if v.failed[a.id] == a {
			v.failed, v.askAt = nil, d.now
		}
	}
}

// countSilent asks the broker about the queues of which a consumer's agent
// fell silent, while somebody waits for them: if the broker has no more
// consumers than are known, nobody is missing.
func (d *Detector) countSilent() {
	if d.now.Before(d.countAt) {
		return
	}
	d.countAt = d.now.Add(d.cfg.Remind)
	var names []string
	for name, q := range d.queues {
		if len(q.unknown) > 0 && q.awaited() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		d.countQueue(0, name)
	}
}
