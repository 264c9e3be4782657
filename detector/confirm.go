package detector

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/waitgraph/waitgraph/detector/report"
)

// conclude confirms the verdict of a complete round as far as the answers go,
// or says why not.
func (d *Detector) conclude(r *round) {
	v := r.verdict
	if d.rounds[r.id] != r || v.round != r {
		return
	}
	d.drop(v)
	v.failed = r.failed
	if !r.overtakenBy(v.core) {
		d.ask(v)
		return
	}
	before, figures := v.reason, r.figures()
	v.noteRefusals(r, figures)
	r.account(figures)
	proven, objection := r.proof(figures)
	v.reason = objection
	switch {
	case len(proven) > 0 && !proven.sameMembers(v.proven) && v.proven.within(proven):
		if v.status == Suspected {
			v.status, v.confirmed = Confirmed, d.now
		}
		v.proven, v.proof = v.core.keep(proven), r.written(proven, figures, d.now)
		d.announce(v, false)
	case v.status == Suspected && objection != before:
		d.announce(v, true)
	}
}

// proof returns the part of the core that the answers prove: what is left of it
// when all that they leave open is taken for granted. The objection is the
// first reason why that is not the whole core.
func (r *round) proof(figures map[*queue]figures) (proven core, objection string) {
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
				o := r.openness(m, w, figures)
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
	if r == nil || r.minutes.asked.IsZero() {
		return ""
	}
	figures := r.figures()
	for i := range r.core {
		if _, silent := r.silent[r.core[i].node.key.Agent]; silent {
			continue
		}
		m := &r.core[i]
		if o := r.memberObjection(m); o != "" {
			return o
		}
		for _, w := range m.inside() {
			if o := r.edgeObjection(m, &w, figures); o != "" {
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
	case r.failed[m.node.key.Agent] != nil:
		return fmt.Sprintf("the agent %s cannot be asked", m.node.key.Agent.Name)
	case !ok:
		return fmt.Sprintf("its agent does not know %s", name)
	case len(s.Waits) == 0, s.Epoch != m.epoch:
		return fmt.Sprintf("%s is not blocked on it any more", name)
	case m.node.breach || s.Breach:
		return fmt.Sprintf("%s has answered a request while it claimed to be blocked", name)
	case len(s.Waits)-s.Need != m.slack(), m.slack() > 0 && len(s.Waits) != len(m.waits):
		return fmt.Sprintf("%s waits for something else by now", name)
	}
	for _, w := range m.essential() {
		same := func(o report.Wait) bool { return o.Resource == w.Resource && o.Holders == w.Holders }
		if !slices.ContainsFunc(s.Waits, same) {
			return fmt.Sprintf("%s waits for something else by now", name)
		}
	}
	return ""
}

// openness says why nothing can hang on a wait, empty if something can.
func (r *round) openness(m *coreMember, w *coreWait, figures map[*queue]figures) string {
	return cmp.Or(r.edgeObjection(m, w, figures), r.spaceObjection(m, w), r.witnessObjection(w))
}

// spaceObjection says whether there may be the space that somebody waits for.
func (r *round) spaceObjection(m *coreMember, w *coreWait) string {
	if _, refused := r.refused[space{m.node, w.Resource}]; !w.isSpace() || refused {
		return ""
	}
	return fmt.Sprintf("%s has not found the queue %s full again since it was first asked", m.node.key.Process, w.queue.name)
}

// edgeObjection checks the far end of one wait.
func (r *round) edgeObjection(m *coreMember, w *coreWait, figures map[*queue]figures) string {
	waiter := m.node.key.Process
	if w.queue != nil {
		if by := r.taken[w.Resource]; len(by) > 0 && r.taker(w) == nil {
			return fmt.Sprintf("the request of %s was taken by %s", waiter, by[0].Name)
		}
		if r.doubts(w.on) {
			return fmt.Sprintf("a consumer of the queue %s is gone that may have taken the request of %s", w.queue.name, waiter)
		}
		c := r.counts[w.queue.name]
		return cmp.Or(figures[w.queue].objection(w.queue.name, c), strangerObjection(m, w, c))
	}
	if w.Holders == 0 && w.Kind != report.Reply && w.Kind != report.Lock {
		return fmt.Sprintf("nobody vouches for all who can grant the %v %s", w.Kind, w.Resource)
	}
	for _, h := range w.holders.nodes {
		if _, silent := r.silent[h.key.Agent]; silent || r.failed[h.key.Agent] != nil {
			continue // says nothing about the edge; that h is open is said of h
		}
		if !owes(r.answers[h.key], w.Resource) {
			return fmt.Sprintf("%s does not hold what %s waits for", h.key.Process, waiter)
		}
	}
	return ""
}

// strangerObjection says whether a consumer is gone of whom only the broker has told.
func strangerObjection(m *coreMember, w *coreWait, c *QueueCounted) string {
	if c == nil || c.Consumers >= w.on.outnumbered || !w.untaken() {
		return ""
	}
	return fmt.Sprintf("a consumer of the queue %s is gone that nobody told of, and may have taken the request of %s", w.queue.name, m.node.key.Process)
}

// taker returns the consumer who has taken a request that lay in a queue when the
// round began, and owed its reply when it answered; nil if that is not
// certain. Only consumers could take it, so that all who might grant it were the
// same before and after.
func (r *round) taker(w *coreWait) *node {
	if by := r.taken[w.Resource]; len(by) == 1 {
		for _, h := range w.holders.nodes {
			if h.key.Agent == by[0] && owes(r.answers[h.key], w.Resource) {
				return h
			}
		}
	}
	return nil
}

func owes(s report.State, name report.Resource) bool {
	return slices.ContainsFunc(s.Holds, func(h report.Hold) bool { return h.Resource == name })
}

// overtakenBy reports whether c is the core of the round, if need be but for
// requests that their takers have reported since. The answers are about both then.
func (r *round) overtakenBy(c core) bool {
	return r.core.equal(c, func(a, b coreWait) bool {
		return sameCoreWait(a, b) || takenSince(a, b) && b.holders.nodes[0] == r.taker(&a)
	})
}

// sameButTaken reports whether o is c but for requests that may have been taken
// since.
func (c core) sameButTaken(o core) bool {
	return c.equal(o, func(a, b coreWait) bool { return sameCoreWait(a, b) || takenSince(a, b) })
}

// witnessObjection says who could not be asked whether he has taken the request
// that lies untaken as far as is known.
func (r *round) witnessObjection(w *coreWait) string {
	if !w.untaken() {
		return ""
	}
	for _, id := range r.witnesses {
		a := cmp.Or(r.silent[id], r.failed[id])
		if a == nil {
			continue
		}
		if !a.over {
			return fmt.Sprintf("the agent %s cannot be asked", id.Name)
		}
		if _, may := a.consumed[w.queue.name]; may {
			return fmt.Sprintf("the agent %s is gone and may have taken the request", id.Name)
		}
	}
	if r.young {
		return "the detector has begun too recently to have heard every agent"
	}
	return ""
}

// figures are what the broker must say of a queue if a core is right about it.
type figures struct {
	untaken int   // requests of the core that nobody has taken, by the answers so far
	members int   // consumers that are known
	untold  *node // one of them whose agent has still to say what it consumes by now
}

// figures returns those of the queues that the core waits for.
func (r *round) figures() map[*queue]figures {
	all := make(map[*queue]figures)
	for i := range r.core {
		for _, w := range r.core[i].waits {
			if !w.inside || w.queue == nil {
				continue
			}
			f, known := all[w.queue]
			if !known {
				f = figures{members: len(w.holders.nodes), untold: r.untold(w.holders)}
			}
			if len(r.taken[w.Resource]) == 0 && w.untaken() {
				f.untaken++
			}
			all[w.queue] = f
		}
	}
	return all
}

// untold returns the first of some processes whose agent has answered that what they
// consume is not what its last heartbeat said that came before the round began: the
// broker has counted since.
func (r *round) untold(g *grantors) *node {
	for _, n := range g.nodes {
		if r.beats[n.key.Agent] < r.members[n.key.Agent] {
			return n
		}
	}
	return nil
}

// account says of the queues whose consumers are all known, by the round, that they are.
func (r *round) account(figures map[*queue]figures) {
	for q, f := range figures {
		if c := r.counts[q.name]; c.Err == "" && c.Consumers == f.members && f.untold == nil {
			q.account(c.Consumers)
		}
	}
}

// objection holds the broker's figures for a queue against what is known of it.
func (f figures) objection(name string, c *QueueCounted) string {
	switch {
	case c == nil:
		return "" // not counted yet: says nothing so far
	case c.Err != "":
		return fmt.Sprintf("the broker does not count the queue %s: %s", name, c.Err)
	case f.untold != nil:
		return fmt.Sprintf("the agent %s has still to say what %s consumes by now", f.untold.key.Agent.Name, f.untold.key.Process)
	case c.Consumers != f.members:
		return fmt.Sprintf("the queue %s has %d consumers, of which %d are known", name, c.Consumers, f.members)
	case c.Ready < f.untaken:
		return fmt.Sprintf("the queue %s has %d requests ready, not the %d that wait", name, c.Ready, f.untaken)
	}
	return ""
}
