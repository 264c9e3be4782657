package simulation

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// view is a way to look at the world.
type view int

const (
	// whole is the truth.
	whole view = iota
	// provable is the truth but for what the detector must not count on: the
	// processes that no agent watches and requests that are doubtful (horizon)
	// are taken for free.
	provable
	// apparent is the truth but for the requests that are hidden (horizon):
	// they seem to lie in their queues.
	apparent
	// tenable is what a verdict may go on to tell of its core: requests that were
	// taken by somebody who cannot say so seem to lie in their queues, which
	// processes that no agent watches seem not to consume.
	tenable
	// loose is what it may tell of those behind, of whom nobody is asked: requests
	// that are over, or that were taken by processes that no agent watches, seem to
	// lie in queues that only the others consume.
	loose
)

// set is a set of processes, by their index.
type set []bool

// deadlocked returns the processes that are deadlocked: what is left when
// everything is granted that somebody who is not can grant.
func (w *world) deadlocked(v view) set {
	left := make(set, len(w.procs))
	for i, p := range w.procs {
		left[i] = p.blocked != nil && (p.watched || v != provable)
	}
	w.reduce(left, v)
	return left
}

// reduce takes from left whoever is granted what he needs by those outside.
func (w *world) reduce(left set, v view) {
	for again := true; again; {
		again = false
		for i, p := range w.procs {
			if left[i] && p.blocked.freed(left, v) {
				left[i], again = false, true
			}
		}
	}
}

// freed reports whether those outside left can grant what w waits for.
func (w *wait) freed(left set, v view) bool {
	switch {
	case w.guard != nil:
		return w.guard.grantable(left)
	case w.buffer != nil:
		return slices.ContainsFunc(w.buffer.buffer.drains, func(p *process) bool { return !p.running || !left[p.index] })
	case w.space != nil:
		return w.space.grantable(left, v)
	}
	granted := 0
	for _, r := range w.requests {
		if r.grantable(left, v) {
			granted++
		}
	}
	return granted >= w.need
}

func (g *guard) grantable(left set) bool {
	return len(g.holders) < g.size || outside(g.holders, left)
}

// grantable reports whether somebody outside left can answer. A lost request
// counts as answered: that nobody will answer is no deadlock.
func (r *request) grantable(left set, v view) bool {
	switch {
	case r.takenForGranted(v):
		return true
	case !r.lies(v):
		return !left[r.taker.index]
	}
	consumers := r.queue.consumed(v)
	return len(consumers) == 0 || outside(consumers, left)
}

// consumed returns the consumers of a queue that there seem to be.
func (q *queue) consumed(v view) []*process {
	if v != loose && v != tenable {
		return q.consumers
	}
	return slices.DeleteFunc(slices.Clone(q.consumers), func(p *process) bool { return !p.watched })
}

func (r *request) takenForGranted(v view) bool {
	return v == provable && r.horizon().doubtful(r) || r.over && !r.lies(v)
}

// lies reports whether a request seems to lie in its queue.
func (r *request) lies(v view) bool {
	switch v {
	case apparent:
		return r.horizon().hidden(r) || r.taker == nil && !r.over
	case loose:
		return r.taker == nil || r.over || r.seen.unwatched
	case tenable:
		return r.horizon().vanished(r) || r.seen.unwatched || r.taker == nil && !r.over
	}
	return r.taker == nil && !r.over
}

func (r *request) horizon() *horizon { return r.from.by.world.horizon }

func outside(procs []*process, left set) bool {
	for _, p := range procs {
		if !left[p.index] {
			return true
		}
	}
	return false
}

// epochKey names one blocking of one process.
type epochKey struct {
	key   report.Key
	epoch uint64
}

func (p *process) epochKey() epochKey { return epochKey{p.id.Key(), p.blocked.epoch} }

// interval is a time during which a process was truly deadlocked.
type interval struct{ from, to time.Time } // to is zero while it lasts

func (i interval) includes(at time.Time) bool {
	return !i.from.After(at) && (i.to.IsZero() || i.to.After(at))
}

// truth knows who is and was deadlocked.
type truth struct {
	w       *world
	history map[epochKey][]interval // of watched processes
	present map[*process]epochKey   // deadlocked now
	since   []time.Time             // by process: provably deadlocked since; zero if not
	told    []time.Time             // by process: when a confirmed verdict was last about it
	shape   []uint64                // of the deadlocked, while one of them waits for space; empty otherwise
	shifted time.Time               // when it last changed
}

func newTruth(w *world) *truth {
	return &truth{
		w: w, history: make(map[epochKey][]interval), present: make(map[*process]epochKey),
		since: make([]time.Time, len(w.procs)), told: make([]time.Time, len(w.procs)),
	}
}

// look brings the truth up to date.
func (t *truth) look() {
	if !t.w.changed {
		return
	}
	t.w.changed = false
	dead := t.w.deadlocked(whole)
	for i, p := range t.w.procs {
		if p.watched {
			t.note(p, dead[i])
		}
	}
	dead = t.w.deadlocked(provable)
	for i, p := range t.w.procs {
		switch {
		case !dead[i]:
			t.since[i] = time.Time{}
		case t.since[i].IsZero():
			t.since[i] = t.w.now
			t.w.expect(p)
		}
	}
	t.shift(dead)
}

// shift notes when something changes about deadlocked processes one of which waits for
// space: who they are, for what they wait and who can grant it.
func (t *truth) shift(dead set) {
	if t.w.opt.Streams == 0 {
		return
	}
	var shape []uint64
	space := false
	for i, p := range t.w.procs {
		if !dead[i] {
			continue
		}
		space = space || p.blocked.space != nil
		shape = append(shape, uint64(i), p.blocked.epoch)
		for _, by := range p.blocked.open(provable) {
			shape = append(shape, uint64(len(by)))
			for _, g := range by {
				shape = append(shape, uint64(g.index))
			}
		}
	}
	if !space {
		shape = nil
	}
	if !slices.Equal(shape, t.shape) {
		t.shape, t.shifted = shape, t.w.now
	}
}

// note opens and closes the intervals of a process's history.
func (t *truth) note(p *process, dead bool) {
	var now epochKey
	if dead {
		now = p.epochKey()
	}
	before, was := t.present[p]
	if before == now {
		return
	}
	if was {
		list := t.history[before]
		list[len(list)-1].to = t.w.now
		delete(t.present, p)
	}
	if dead {
		t.w.score.Deadlocked++
		t.history[now] = append(t.history[now], interval{from: t.w.now})
		t.present[p] = now
	}
}
