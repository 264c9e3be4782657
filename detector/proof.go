package detector

import (
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
)

// minutes are when the parts of a round came to pass, by the detector's clock,
// and who said what of the requests that lie untaken.
type minutes struct {
	begun    time.Time
	asked    time.Time // zero: not yet
	answered map[report.Agent]time.Time
	taken    map[report.Agent][]report.Resource
	counted  map[string]time.Time // by queue
}

func newMinutes(begun time.Time) minutes {
	return minutes{
		begun: begun, answered: make(map[report.Agent]time.Time),
		taken: make(map[report.Agent][]report.Resource), counted: make(map[string]time.Time),
	}
}

// testimony is what a complete round says for the part of its core that is
// proven.
type testimony struct {
	*round
	proven  map[*node]struct{}
	held    map[*node][]string // of what members wait for, by who was known to hold it; sorted
	waited  []string           // all that members wait for; sorted
	queues  map[*queue][]proof.Process
	figures map[*queue]figures
	free    asked[*node]
	names   map[*grantors][]proof.Process // shared by all edges to one resource
}

// written puts down why the proven part of a round's core cannot go on. The
// core says what was known before the asking, the answers what was said after.
func (r *round) written(proven core, figures map[*queue]figures, now time.Time) *proof.Proof {
	t := testimony{
		round: r, proven: make(map[*node]struct{}),
		held: make(map[*node][]string), queues: make(map[*queue][]proof.Process), figures: figures,
		free: make(asked[*node]), names: make(map[*grantors][]proof.Process),
	}
	for i := range proven {
		t.proven[proven[i].node] = struct{}{}
		t.note(&proven[i])
	}
	t.waited = distinct(t.waited)
	p := &proof.Proof{Round: r.id, Begun: r.wall(r.minutes.begun), Asked: r.wall(r.minutes.asked), Concluded: r.wall(now)}
	for i := range r.core {
		if _, ok := t.proven[r.core[i].node]; ok {
			p.Members = append(p.Members, t.member(&r.core[i]))
		}
	}
	p.Replies = t.replies()
	p.Answers = t.answersTo(p.Replies)
	p.Queues = t.counted()
	return p
}

// wall returns a time of the round as the wall clock that it began by would have told
// it, so that the times of a proof are in order if that clock was set meanwhile.
func (r *round) wall(at time.Time) time.Time {
	return r.minutes.begun.UTC().Add(at.Sub(r.minutes.begun))
}

// note takes down what a member waits for and who holds it.
func (t *testimony) note(m *coreMember) {
	for _, w := range t.kept(m) {
		name := string(w.Resource)
		t.waited = append(t.waited, name)
		if w.queue != nil {
			continue
		}
		for _, h := range w.holders.nodes {
			t.held[h] = append(t.held[h], name)
		}
	}
}

func (t *testimony) member(m *coreMember) proof.Member {
	waits := t.kept(m)
	p := proof.Member{Process: named(m.node.key), Before: t.before(m, waits), After: t.after(m)}
	for i := range waits {
		p.Edges = append(p.Edges, t.edge(m, &waits[i]))
	}
	slices.SortFunc(p.Edges, func(a, b proof.Edge) int { return strings.Compare(a.Resource, b.Resource) })
	return p
}

// kept returns the waits of a member that it had before the asking and after it. Those
// that began or were granted meanwhile are left out of the proof: it needs all, and can
// do so at least without those that it has.
func (t *testimony) kept(m *coreMember) []coreWait {
	after := t.answers[m.node.key].Waits
	return slices.DeleteFunc(slices.Clone(m.waits), func(w coreWait) bool { return !awaits(after, w.Resource) })
}

// before returns what was known of a member when its core was found, and of those of
// its waits.
func (t *testimony) before(m *coreMember, waits []coreWait) proof.State {
	s := proof.State{Epoch: m.epoch, Seq: m.seq, Need: len(waits) - m.slack(), Holds: distinct(t.held[m.node])}
	for _, k := range m.told {
		s.Hinted = append(s.Hinted, named(k))
	}
	for i := range waits {
		w := waitOf(&waits[i].Wait)
		w.Refusals = t.refused[space{m.node, waits[i].Resource}]
		s.Waits = append(s.Waits, w)
	}
	sortProofWaits(s.Waits)
	return s
}

// after returns what a member's agent has answered.
func (t *testimony) after(m *coreMember) proof.State {
	a := t.answers[m.node.key]
	s := proof.State{Epoch: a.Epoch, Seq: a.Seq}
	for i := range a.Waits {
		if m.waitsFor(a.Waits[i].Resource) {
			s.Waits = append(s.Waits, waitOf(&a.Waits[i]))
		}
	}
	s.Need = len(s.Waits) - m.slack()
	for i := range a.Holds {
		name := string(a.Holds[i].Resource)
		if _, wanted := slices.BinarySearch(t.waited, name); wanted {
			s.Holds = append(s.Holds, name)
		}
	}
	s.Holds = distinct(s.Holds)
	sortProofWaits(s.Waits)
	return s
}

// edge returns who can grant what a member waits for, or why nothing hangs on it.
func (t *testimony) edge(m *coreMember, w *coreWait) proof.Edge {
	e := proof.Edge{Resource: string(w.Resource), Open: t.opening(m, w)}
	if w.queue == nil {
		e.Holders = t.namesOf(w.holders)
		return e
	}
	e.Queue = w.queue.name
	if _, known := t.queues[w.queue]; !known && e.Open == "" {
		t.queues[w.queue] = t.namesOf(w.holders)
	}
	return e
}

func (t *testimony) opening(m *coreMember, w *coreWait) string {
	if !w.inside {
		return "somebody else can grant it, or may"
	}
	if h := t.free.of(w.holders, t.unproven); h != nil {
		return h.key.Process + " may go on"
	}
	return t.openness(m, w, t.figures)
}

// unproven returns the first of some processes that is not proven to be stuck.
func (t *testimony) unproven(g *grantors) *node {
	for _, h := range g.nodes {
		if _, ok := t.proven[h]; !ok {
			return h
		}
	}
	return nil
}

// replies returns what every agent was asked about.
func (t *testimony) replies() []string {
	var names []string
	for _, name := range t.question(t.core[0].node.key.Agent).Replies {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *testimony) answersTo(replies []string) []proof.Answer {
	all := make([]proof.Answer, 0, len(t.minutes.answered))
	for a, at := range t.minutes.answered {
		answer := proof.Answer{Agent: a.String(), Round: t.id, At: t.wall(at)}
		for _, name := range t.minutes.taken[a] {
			if _, asked := slices.BinarySearch(replies, string(name)); asked {
				answer.Taken = append(answer.Taken, string(name))
			}
		}
		slices.Sort(answer.Taken)
		all = append(all, answer)
	}
	slices.SortFunc(all, func(a, b proof.Answer) int { return strings.Compare(a.Agent, b.Agent) })
	return all
}

func (t *testimony) counted() []proof.Queue {
	var all []proof.Queue
	for q, consumers := range t.queues {
		c := t.counts[q.name]
		all = append(all, proof.Queue{
			Name: q.name, Consumers: consumers,
			Round: c.Round, At: t.wall(t.minutes.counted[q.name]), Counted: c.Consumers, Ready: c.Ready,
		})
	}
	slices.SortFunc(all, func(a, b proof.Queue) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func waitOf(w *report.Wait) proof.Wait {
	return proof.Wait{
		Resource: string(w.Resource), Kind: w.Kind.String(), Since: w.Since.UTC(), Deadline: w.Deadline.UTC(),
		Exchange: w.Destination.Exchange, Key: w.Destination.Key, Holders: w.Holders, Refusals: w.Refusals,
	}
}

func sortProofWaits(waits []proof.Wait) {
	slices.SortFunc(waits, func(a, b proof.Wait) int { return strings.Compare(a.Resource, b.Resource) })
}

// distinct returns names sorted, each once, and never nil.
func distinct(names []string) []string {
	all := append(make([]string, 0, len(names)), names...)
	slices.Sort(all)
	return slices.Compact(all)
}

func named(k report.Key) proof.Process {
	return proof.Process{Name: k.Process, Agent: k.Agent.String(), Activation: k.Activation}
}

func (t *testimony) namesOf(g *grantors) []proof.Process {
	all, ok := t.names[g]
	if !ok {
		all = make([]proof.Process, len(g.nodes))
		for i, n := range g.nodes {
			all[i] = named(n.key)
		}
		t.names[g] = all
	}
	return all
}

// told returns who hinted at what is shown of a node, sorted; nobody if it has
// spoken for itself.
func (n *node) told() []report.Key {
	if !n.shown.hint {
		return nil
	}
	var tellers []*node
	for id, h := range n.hints {
		if h.Epoch == n.shown.epoch {
			tellers = append(tellers, id.from)
		}
	}
	slices.SortFunc(tellers, compareNodes)
	var keys []report.Key
	for _, from := range slices.Compact(tellers) {
		keys = append(keys, from.key)
	}
	return keys
}
