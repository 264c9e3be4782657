package simulation

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// horizon is what the present detector can know at best about the requests that
// lie in queues, worked out from what it was sent, not from what it made of it.
// An agent that is dead cannot say what its processes have taken, and nobody
// else can (docs/theory.md, "What nobody can know").
//
// It draws the line twice. A request is doubtful if the detector has heard of
// it, and that its queue is consumed from an agent that is over since, or by more
// than have told: then it must not count on the request's being there, and the score
// expects no verdict that does. A request is hidden if it was taken by somebody who
// cannot be asked and of whom the detector could not know: then it cannot but count
// on it.
//
// A scripted world has none.
type horizon struct {
	w         *world
	agents    map[report.Agent]*told
	newest    map[string]uint64            // incarnations
	waiting   map[report.Resource]*request // of which their callers have told
	doubts    map[*request]map[report.Agent]bool
	crowds    map[*queue]*crowd
	strangers map[*request]strangers
	counted   map[uint64][]counted // by round
}

// told is what an agent has told, and when.
type told struct {
	heard    time.Time
	over     bool
	beat     uint64
	members  []report.Member // as of its latest heartbeat; none once it is known to have ended
	consumed map[string]bool // queues, ever
}

func newHorizon(w *world) *horizon {
	return &horizon{
		w: w, agents: make(map[report.Agent]*told), newest: make(map[string]uint64),
		waiting: make(map[report.Resource]*request), doubts: make(map[*request]map[report.Agent]bool),
		crowds: make(map[*queue]*crowd), strangers: make(map[*request]strangers), counted: make(map[uint64][]counted),
	}
}

// counted is what the broker said of a queue, and how things seemed to be then.
type counted struct {
	queue *queue
	ready int
	seeming
}

// seeming is how things are as far as anyone alive can tell.
type seeming struct {
	dead  map[epochKey]bool          // deadlocked
	lying map[report.Resource]*queue // requests that nobody is known to have taken
}

func (w *world) seeming() seeming {
	s := seeming{make(map[epochKey]bool), make(map[report.Resource]*queue)}
	for i, left := range w.deadlocked(apparent) {
		p := w.procs[i]
		if !left || !p.watched {
			continue
		}
		s.dead[p.epochKey()] = true
		for _, r := range p.blocked.requests {
			if r.lies(apparent) {
				s.lying[r.reply] = r.queue
			}
		}
	}
	return s
}

// explains reports whether all members of a verdict seem deadlocked, and the requests
// on which its proof rests may lie in their queues for all that the broker has counted.
func (s *seeming) explains(v *detector.Verdict, counts []counted) bool {
	for _, m := range v.Core {
		if !s.dead[epochOf(&m)] {
			return false
		}
	}
	untaken := make(map[*queue]int)
	for _, m := range v.Proof.Members {
		for _, e := range m.Edges {
			if q := s.lying[report.Resource(e.Resource)]; q != nil && e.Open == "" && e.Queue != "" {
				untaken[q]++
			}
		}
	}
	for q, n := range untaken {
		tells := func(c counted) bool { return c.queue == q }
		enough := func(c counted) bool { return c.queue == q && c.ready >= n }
		if slices.ContainsFunc(counts, tells) && !slices.ContainsFunc(counts, enough) {
			return false
		}
	}
	return true
}

// count takes note of how things seem while the broker counts a queue for a round:
// a consumer that nobody watches, and that is gone at that moment, may be back
// before the round is concluded.
func (h *horizon) count(round uint64, q *queue) {
	if h != nil {
		h.counted[round] = append(h.counted[round], counted{q, len(q.ready), h.w.seeming()})
	}
}

// hear takes note of a batch that reaches the detector.
func (h *horizon) hear(b *report.Batch) {
	if h == nil || b.Agent.Incarnation < h.newest[b.Agent.Name] {
		return
	}
	a := h.agents[b.Agent]
	if a == nil {
		a = &told{consumed: make(map[string]bool)}
		h.agents[b.Agent] = a
	}
	if before := (report.Agent{Name: b.Agent.Name, Incarnation: h.newest[b.Agent.Name]}); before != b.Agent && h.agents[before] != nil {
		h.end(before)
	}
	h.newest[b.Agent.Name], a.heard = b.Agent.Incarnation, h.w.now
	if a.over {
		h.trust(b.Agent)
	}
	if b.Heartbeat != nil && b.Heartbeat.Seq > a.beat {
		a.beat, a.members = b.Heartbeat.Seq, b.Heartbeat.Members
		for _, m := range b.Heartbeat.Members {
			a.consumed[m.Queue] = true
		}
		h.meet()
	}
	for i := range b.States {
		h.learn(&b.States[i])
	}
	if b.Heartbeat != nil && b.Heartbeat.Leaving {
		h.end(b.Agent)
	}
}

// end loses an agent that is known to have ended, and its processes with it.
func (h *horizon) end(id report.Agent) {
	h.lose(id)
	h.agents[id].members = nil
}

// learn takes note of the requests that a process has sent.
func (h *horizon) learn(s *report.State) {
	for _, p := range h.w.procs {
		if p.blocked == nil || !p.watched || p.id.Key() != s.Key || p.blocked.epoch != s.Epoch {
			continue
		}
		for _, r := range p.blocked.requests {
			for _, w := range s.Waits {
				if w.Resource == r.reply && h.waiting[r.reply] != r {
					h.waiting[r.reply] = r
					h.inherit(r)
				}
			}
		}
	}
}

// lapse ends the agents whose lease has run out.
func (h *horizon) lapse() {
	if h == nil {
		return
	}
	for id, a := range h.agents {
		if !a.over && h.w.now.Sub(a.heard) >= detector.DefaultConfig().Lease {
			h.lose(id)
		}
	}
}

// lose doubts the requests that may have been taken where an agent's processes
// consumed.
func (h *horizon) lose(id report.Agent) {
	a := h.agents[id]
	a.over = true
	h.meet()
	for name, r := range h.waiting {
		switch {
		case r.closed:
			delete(h.waiting, name)
		case a.consumed[r.queue.name]:
			if h.doubts[r] == nil {
				h.doubts[r] = make(map[report.Agent]bool)
			}
			h.doubts[r][id] = true
		}
	}
	h.w.changed = true
}

// trust takes the doubts back: the agent was silent, not dead.
func (h *horizon) trust(id report.Agent) {
	h.agents[id].over = false
	for _, doubts := range h.doubts {
		delete(doubts, id)
	}
	h.w.changed = true
}

// doubtful reports whether the detector must not count on a request's being in
// its queue.
func (h *horizon) doubtful(r *request) bool {
	return r.taker == nil && (len(h.doubts[r]) > 0 || h.strangers[r].ever)
}

// hidden reports whether the detector could not but believe that a request is
// in its queue although it was taken, and answered or given up.
func (h *horizon) hidden(r *request) bool {
	return h.vanished(r) && !h.strangers[r].evident && (r.seen.unwatched || !h.doubts[r][r.seen.agent])
}

// vanished reports whether a request was taken, and answered or given up, by
// somebody who cannot say so.
func (h *horizon) vanished(r *request) bool {
	return r.over && r.seen != (witness{}) && (r.seen.unwatched || !h.reached(r.seen.agent))
}

// reached reports whether the detector has heard an agent lately that lives.
func (h *horizon) reached(id report.Agent) bool {
	a := h.agents[id]
	return a != nil && !a.over && h.w.alive(id)
}

func (w *world) alive(a report.Agent) bool {
	for _, h := range w.hosts {
		if h.alive && h.agent() == a {
			return true
		}
	}
	return false
}
