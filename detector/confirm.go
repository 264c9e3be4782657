package detector

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// round is one asking about a core. Its members were all blocked together, each
// on the next, at the moment of asking if every one of them says afterwards
// that it is in the same wait epoch and still holds what its predecessor waits
// for: an epoch lasts without a break, and what is held in it stays held.
type round struct {
	id      uint64
	verdict *verdict
	core    core // as it stood at the moment of asking
	// witnesses are the agents that were asked: those of the members and, if
	// requests of the core lie untaken, all others that were heard. A process
	// that took one and crashed consumes nothing any more; its agent knows.
	witnesses []report.Agent
	young     bool // some witness may not have been heard yet

	silent  map[report.Agent]struct{} // asked and not heard yet
	answers map[report.Key]report.State
	taken   map[report.Resource]string // requests that were taken, and by which agent
	failed  map[report.Agent]bool      // could not be asked
	counts  map[string]*QueueCounted   // by queue; nil until counted
	minutes minutes
}

// ask begins a round about a verdict's core and drops the one under way.
func (d *Detector) ask(v *verdict) {
	if v.round != nil {
		delete(d.rounds, v.round.id)
		if v.round.core.sameEdges(v.core) {
			v.reason = v.round.missing()
		}
	}
	d.lastID++
	r := &round{
		id: d.lastID, verdict: v, core: v.core,
		silent:  make(map[report.Agent]struct{}),
		failed:  make(map[report.Agent]bool),
		answers: make(map[report.Key]report.State),
		taken:   make(map[report.Resource]string),
		counts:  make(map[string]*QueueCounted),
		minutes: newMinutes(d.now),
	}
	d.rounds[r.id], v.round = r, r
	v.askAt = d.now.Add(min(d.cfg.AskAgain<<min(v.asks, 16), max(d.cfg.Remind, d.cfg.AskAgain)))
	v.asks++
	r.witnesses = d.witnesses(r)
	if r.young = d.young() && r.untaken(); r.young {
		v.askAt = d.start.Add(d.cfg.Lease / 2)
	}
	for _, a := range r.witnesses {
		r.silent[a] = struct{}{}
		d.stats.Questions++
		d.emit(Ask{a, r.question(a)})
	}
	for _, name := range r.queues() {
		r.counts[name] = nil
		d.emit(CountQueue{Round: r.id, Queue: name})
	}
}

// witnesses returns the agents that can tell about a core, sorted.
func (d *Detector) witnesses(r *round) []report.Agent {
	var agents []report.Agent
	for _, m := range r.core {
		agents = append(agents, m.node.key.Agent)
	}
	if r.untaken() {
		for id, a := range d.agents {
			if !a.lost && !a.heard.IsZero() {
				agents = append(agents, id)
			}
		}
	}
	slices.SortFunc(agents, func(a, b report.Agent) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(agents)
}

// question asks one agent about its members of the core, and whether it has
// taken any request that nobody is known to have taken.
func (r *round) question(a report.Agent) report.Question {
	q := report.Question{Round: r.id}
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
	for _, s := range b.States {
		r.answers[s.Key] = s
	}
	for _, name := range b.Answer.Taken {
		r.taken[name] = b.Agent.Name
	}
}

func (r *round) unreachable(a report.Agent) {
	if _, asked := r.silent[a]; asked {
		delete(r.silent, a)
		r.failed[a] = true
	}
}

func (r *round) counted(now time.Time, c QueueCounted) {
	if _, asked := r.counts[c.Queue]; asked {
		r.counts[c.Queue], r.minutes.counted[c.Queue] = &c, now
	}
}

// missing words what a round that was dropped was still waiting for.
func (r *round) missing() string {
	for _, a := range r.witnesses {
		if _, silent := r.silent[a]; silent {
			return fmt.Sprintf("the agent %s has not answered", a.Name)
		}
	}
	for _, name := range r.queues() {
		if r.counts[name] == nil {
			return fmt.Sprintf("the broker has not counted the queue %s", name)
		}
	}
	return r.verdict.reason
}

func (r *round) complete() bool {
	for _, c := range r.counts {
		if c == nil {
			return false
		}
	}
	return len(r.silent) == 0
}

// finished puts a round that has all its answers before judge, which looks at
// it after the graph has been brought in line with them.
func (d *Detector) finished(r *round) {
	if r.complete() && d.rounds[r.id] == r {
		d.ready = append(d.ready, r)
	}
}

// conclude confirms the verdict of a complete round as far as the answers go,
// or says why not.
func (d *Detector) conclude(r *round) {
	v := r.verdict
	if d.rounds[r.id] != r || v.round != r {
		return
	}
	delete(d.rounds, r.id)
	v.round = nil
	if !v.core.sameEdges(r.core) {
		d.ask(v)
		return
	}
	before := v.reason
	proven, objection := r.proof()
	v.reason = objection
	switch {
	case len(proven) > 0 && !proven.sameMembers(v.proven):
		if v.status == Suspected {
			v.status, v.confirmed = Confirmed, d.now
		}
		v.proven, v.proof = v.core.only(proven), r.written(proven, d.now)
		d.announce(v, false)
	case v.status == Suspected && objection != before:
		d.announce(v, true)
	}
}

// proof returns the part of the core that the answers prove: what is left of it
// when all that they leave open is taken for granted. The objection is the
// first reason why that is not the whole core.
func (r *round) proof() (proven core, objection string) {
	open := make(map[*node]struct{})
	proven = slices.Clone(r.core)
	for i := range proven {
		m := &proven[i]
		o := r.memberObjection(m)
		if o != "" {
			open[m.node] = struct{}{}
		}
		objection = cmp.Or(objection, o)
		m.waits = slices.Clone(m.waits)
		for j := range m.waits {
			if w := &m.waits[j]; w.inside {
				o := cmp.Or(r.edgeObjection(m.node.key.Process, w), r.witnessObjection(w))
				w.inside = o == ""
				objection = cmp.Or(objection, o)
			}
		}
	}
	if objection == "" {
		return r.core, ""
	}
	return proven.without(open), objection
}

// denial returns how the answers so far contradict the core, empty if they do
// not. A nil round has no answers.
func (r *round) denial() string {
	if r == nil {
		return ""
	}
	for i := range r.core {
		if _, silent := r.silent[r.core[i].node.key.Agent]; silent {
			continue
		}
		m := &r.core[i]
		if o := r.memberObjection(m); o != "" {
			return o
		}
		for _, w := range m.inside() {
			if o := r.edgeObjection(m.node.key.Process, &w); o != "" {
				return o
			}
		}
	}
	return ""
}

func (r *round) memberObjection(m *coreMember) string {
	s, ok := r.answers[m.node.key]
	name := m.node.key.Process
	switch {
	case r.failed[m.node.key.Agent]:
		return fmt.Sprintf("the agent %s cannot be asked", m.node.key.Agent.Name)
	case !ok:
		return fmt.Sprintf("its agent does not know %s", name)
	case len(s.Waits) == 0, s.Epoch != m.epoch:
		return fmt.Sprintf("%s is not blocked on it any more", name)
	case m.node.breach || s.Breach:
		return fmt.Sprintf("%s has answered a request while it claimed to be blocked", name)
	case s.Need != m.need || len(s.Waits) != len(m.waits):
		return fmt.Sprintf("%s waits for something else by now", name)
	}
	for _, w := range m.waits {
		same := func(o report.Wait) bool { return o.Resource == w.Resource && o.Holders == w.Holders }
		if !slices.ContainsFunc(s.Waits, same) {
			return fmt.Sprintf("%s waits for something else by now", name)
		}
	}
	return ""
}

// edgeObjection checks the far end of one wait.
func (r *round) edgeObjection(waiter string, w *coreWait) string {
	if w.queue != nil {
		if by, taken := r.taken[w.Resource]; taken {
			return fmt.Sprintf("the request of %s was taken by %s", waiter, by)
		}
		if w.doubt {
			return fmt.Sprintf("a consumer of the queue %s is gone that may have taken the request of %s", w.queue.name, waiter)
		}
		return r.queueObjection(w.queue.name)
	}
	if w.Holders == 0 && w.Kind != report.Reply && w.Kind != report.Lock {
		return fmt.Sprintf("nobody vouches for all who can grant the %v %s", w.Kind, w.Resource)
	}
	for _, h := range w.holders {
		s, ok := r.answers[h.key]
		if _, silent := r.silent[h.key.Agent]; silent || r.failed[h.key.Agent] {
			continue // says nothing about the edge; that h is open is said of h
		}
		if !ok || !slices.ContainsFunc(s.Holds, func(h report.Hold) bool { return h.Resource == w.Resource }) {
			return fmt.Sprintf("%s does not hold what %s waits for", h.key.Process, waiter)
		}
	}
	return ""
}

// witnessObjection says who could not be asked whether he has taken the request
// that lies untaken as far as is known.
func (r *round) witnessObjection(w *coreWait) string {
	if !w.untaken() {
		return ""
	}
	for _, a := range r.witnesses {
		if r.failed[a] {
			return fmt.Sprintf("the agent %s cannot be asked", a.Name)
		}
	}
	if r.young {
		return "the detector has begun too recently to have heard every agent"
	}
	return ""
}

// queueObjection holds the broker's figures against what is known of a queue.
func (r *round) queueObjection(name string) string {
	c, untaken, members := r.counts[name], 0, 0
	for _, m := range r.core {
		for _, w := range m.waits {
			if w.inside && w.queue != nil && w.queue.name == name {
				if _, taken := r.taken[w.Resource]; !taken && w.untaken() {
					untaken++
				}
				members = len(w.holders)
			}
		}
	}
	switch {
	case c == nil:
		return "" // not counted yet: says nothing so far
	case c.Err != "":
		return fmt.Sprintf("the broker does not count the queue %s: %s", name, c.Err)
	case c.Consumers != members:
		return fmt.Sprintf("the queue %s has %d consumers, of which %d are known", name, c.Consumers, members)
	case c.Ready < untaken:
		return fmt.Sprintf("the queue %s has %d requests ready, not the %d that wait", name, c.Ready, untaken)
	}
	return ""
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
		d.emit(CountQueue{Queue: name})
	}
}
