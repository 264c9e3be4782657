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
// it, and that its queue is consumed from an agent that is over since: then it
// must not count on the request's being there, and the score expects no verdict
// that does. A request is hidden if it was taken by somebody who cannot be asked
// and of whom the detector could not know: then it cannot but count on it.
//
// A scripted world has none.
type horizon struct {
	w        *world
	heard    map[report.Agent]time.Time
	newest   map[string]uint64 // incarnations
	over     map[report.Agent]bool
	consumed map[report.Agent]map[string]bool // queues of which an agent has told
	waiting  map[report.Resource]*request     // of which their callers have told
	doubts   map[*request]map[report.Agent]bool
	counted  map[uint64][]counted // by round
}

func newHorizon(w *world) *horizon {
	return &horizon{
		w: w, heard: make(map[report.Agent]time.Time), newest: make(map[string]uint64),
		over: make(map[report.Agent]bool), consumed: make(map[report.Agent]map[string]bool),
		waiting: make(map[report.Resource]*request), doubts: make(map[*request]map[report.Agent]bool),
		counted: make(map[uint64][]counted),
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
	if h == nil {
		return
	}
	a := b.Agent
	if a.Incarnation < h.newest[a.Name] {
		return
	}
	if before := (report.Agent{Name: a.Name, Incarnation: h.newest[a.Name]}); before != a && h.consumed[before] != nil {
		h.lose(before)
	}
	h.newest[a.Name], h.heard[a] = a.Incarnation, h.w.now
	if h.over[a] {
		h.trust(a)
	}
	if h.consumed[a] == nil {
		h.consumed[a] = make(map[string]bool)
	}
	if b.Heartbeat != nil {
		for _, m := range b.Heartbeat.Members {
			h.consumed[a][m.Queue] = true
		}
	}
	for i := range b.States {
		h.learn(&b.States[i])
	}
	if b.Heartbeat != nil && b.Heartbeat.Leaving {
		h.lose(a)
	}
}

// learn takes note of the requests that a process has sent.
func (h *horizon) learn(s *report.State) {
	for _, p := range h.w.procs {
		if p.blocked == nil || !p.watched || p.id.Key() != s.Key || p.blocked.epoch != s.Epoch {
			continue
		}
		for _, r := range p.blocked.requests {
			for _, w := range s.Waits {
				if w.Resource == r.reply {
					h.waiting[r.reply] = r
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
	for a, at := range h.heard {
		if !h.over[a] && h.w.now.Sub(at) >= detector.DefaultConfig().Lease {
			h.lose(a)
		}
	}
}

// lose doubts the requests that may have been taken where a's processes
// consumed.
func (h *horizon) lose(a report.Agent) {
	h.over[a] = true
	for name, r := range h.waiting {
		switch {
		case r.closed:
			delete(h.waiting, name)
		case h.consumed[a][r.queue.name]:
			if h.doubts[r] == nil {
				h.doubts[r] = make(map[report.Agent]bool)
			}
			h.doubts[r][a] = true
		}
	}
	h.w.changed = true
}

// trust takes the doubts back: a was silent, not dead.
func (h *horizon) trust(a report.Agent) {
	delete(h.over, a)
	for _, doubts := range h.doubts {
		delete(doubts, a)
	}
	h.w.changed = true
}

// doubtful reports whether the detector must not count on a request's being in
// its queue.
func (h *horizon) doubtful(r *request) bool { return r.taker == nil && len(h.doubts[r]) > 0 }

// hidden reports whether the detector could not but believe that a request is
// in its queue although it was taken, and answered or given up.
func (h *horizon) hidden(r *request) bool {
	return h.vanished(r) && (r.seen.unwatched || !h.doubts[r][r.seen.agent])
}

// vanished reports whether a request was taken, and answered or given up, by
// somebody who cannot say so.
func (h *horizon) vanished(r *request) bool {
	return r.over && r.seen != (witness{}) && (r.seen.unwatched || !h.w.alive(r.seen.agent))
}

func (w *world) alive(a report.Agent) bool {
	for _, h := range w.hosts {
		if h.alive && h.agent() == a {
			return true
		}
	}
	return false
}
