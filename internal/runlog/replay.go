package runlog

import (
	"slices"
	"time"
)

// view is a way to read a log.
type view int

const (
	truly     view = iota
	certainly      // as far as one who watches could be certain
	seemingly      // as it looks to one who takes what is settled for not yet taken
	views
)

// Replay works out who was deadlocked: in truth, and as far as one who watches
// could be certain.
func Replay(log Log) (truth, certain History) {
	r := newReplay()
	truth, certain = make(History), make(History)
	r.run(log, func(at time.Duration) {
		r.note(truth, at, truly)
		r.note(certain, at, certainly)
	})
	return truth, certain
}

// Seeming works out who seems deadlocked to one who cannot know that a request is
// lost whose caller waits on: it may as well lie in its queue.
func Seeming(log Log) History {
	r := newReplay()
	h := make(History)
	r.run(log, func(at time.Duration) { r.note(h, at, seemingly) })
	return h
}

// run applies a log, and calls do after every instant.
func (r *replay) run(log Log, do func(at time.Duration)) {
	for i := range log {
		r.apply(&log[i])
		if at := log[i].At; i+1 == len(log) || log[i+1].At != at {
			do(at)
		}
	}
}

// Behind returns the processes that were deadlocked at an instant and waited,
// through however many others that were, for one of a core.
func Behind(log Log, core []string, at time.Duration) (behind []string) {
	r := newReplay()
	for i := range log {
		if log[i].At > at {
			break
		}
		r.apply(&log[i])
	}
	r.reduce(truly)
	reached := make(map[*process]bool)
	for _, name := range core {
		reached[r.process(name)] = true
	}
	left := slices.DeleteFunc(slices.Clone(r.order), func(p *process) bool { return !p.dead || reached[p] })
	for before := -1; before != len(left); {
		before = len(left)
		left = slices.DeleteFunc(left, func(p *process) bool {
			reached[p] = p.waitsFor(reached)
			if reached[p] {
				behind = append(behind, p.name)
			}
			return reached[p]
		})
		slices.Reverse(left)
	}
	return behind
}

type replay struct {
	procs  map[string]*process
	things map[string]*thing
	queues map[string]*queue
	order  []*process
	left   []*process // for reuse
}

type process struct {
	name   string
	hidden bool
	waits  []want // none: it is not blocked
	need   int
	dead   bool // deadlocked, in the reduction at hand
	stands [views]bool
	queues []*queue // that it has ever consumed
}

type want struct {
	thing   *thing
	holders int
}

// thing is a resource.
type thing struct {
	name    string
	holders []*process
	home    *queue // to which a request was sent
	lies    bool   // in its queue
	settled bool
	doubt   bool // an agent is lost that might have told that it was taken
}

type queue struct {
	consumers []*process
	requests  map[*thing]bool // that were sent to it and are not settled
}

func newReplay() *replay {
	return &replay{procs: make(map[string]*process), things: make(map[string]*thing), queues: make(map[string]*queue)}
}

func (r *replay) process(name string) *process {
	p := r.procs[name]
	if p == nil {
		p = &process{name: name}
		r.procs[name] = p
		r.order = append(r.order, p)
	}
	return p
}

func (r *replay) thing(name string) *thing {
	t := r.things[name]
	if t == nil {
		t = &thing{name: name}
		r.things[name] = t
	}
	return t
}

func (r *replay) queue(name string) *queue {
	q := r.queues[name]
	if q == nil {
		q = &queue{requests: make(map[*thing]bool)}
		r.queues[name] = q
	}
	return q
}

func (r *replay) apply(e *Entry) {
	switch e.Kind {
	case Join:
		p, q := r.process(e.Process), r.queue(e.Queue)
		q.consumers = append(q.consumers, p)
		if !slices.Contains(p.queues, q) {
			p.queues = append(p.queues, q)
		}
	case Leave:
		p, q := r.process(e.Process), r.queue(e.Queue)
		q.consumers = slices.DeleteFunc(q.consumers, func(o *process) bool { return o == p })
	case Begin:
		p := r.process(e.Process)
		p.waits, p.need = nil, e.Need
		for _, w := range e.Resources {
			p.waits = append(p.waits, want{r.thing(w.Name), w.Holders})
		}
	case End:
		r.process(e.Process).waits = nil
	case Send:
		t := r.thing(e.Resource)
		t.home, t.lies, t.holders = r.queue(e.Queue), true, nil
		t.home.requests[t] = true
	case Take:
		t := r.thing(e.Resource)
		t.lies, t.holders = false, append(t.holders, r.process(e.Process))
	case Drop:
		p, t := r.process(e.Process), r.thing(e.Resource)
		t.holders = slices.DeleteFunc(t.holders, func(o *process) bool { return o == p })
	case Settle:
		t := r.thing(e.Resource)
		t.settled, t.lies, t.holders = true, false, nil
		if t.home == nil {
			t.home = r.queue(e.Queue)
		}
		delete(r.things, e.Resource)
		delete(t.home.requests, t)
	case Hide:
		r.process(e.Process).hidden = true
	case Lose:
		for _, q := range r.process(e.Process).queues {
			for t := range q.requests {
				t.doubt = true
			}
		}
	}
}

// note brings a history up to date.
func (r *replay) note(h History, at time.Duration, v view) {
	r.reduce(v)
	for _, p := range r.order {
		if p.dead == p.stands[v] {
			continue
		}
		p.stands[v] = p.dead
		if p.dead {
			h[p.name] = append(h[p.name], Stand{at, Forever})
		} else {
			h[p.name][len(h[p.name])-1].To = at
		}
	}
}

// reduce finds out who is deadlocked now: everybody who is blocked, but for
// those whom somebody who is not can free. It goes to and fro, since waits often
// follow the order of the processes.
func (r *replay) reduce(v view) {
	left := r.left[:0]
	for _, p := range r.order {
		if p.dead = len(p.waits) > 0 && (v != certainly || !p.hidden); p.dead {
			left = append(left, p)
		}
	}
	r.left = left
	for before := -1; before != len(left); {
		before = len(left)
		left = slices.DeleteFunc(left, func(p *process) bool {
			p.dead = !p.canGoOn(v)
			return !p.dead
		})
		slices.Reverse(left)
	}
}

func (p *process) canGoOn(v view) bool {
	granted := 0
	for _, w := range p.waits {
		if w.grantable(v) {
			granted++
		}
	}
	return granted >= p.need
}

func (w want) grantable(v view) bool {
	switch {
	case w.thing.settled && v != seemingly, v == certainly && w.thing.doubt && w.thing.lies:
		return true
	case w.thing.lies, w.thing.settled:
		return len(w.thing.home.consumers) == 0 || slices.ContainsFunc(w.thing.home.consumers, alive)
	}
	return len(w.thing.holders) < w.holders || slices.ContainsFunc(w.thing.holders, alive)
}

// waitsFor reports whether one of a set is among those who can free the process.
func (p *process) waitsFor(set map[*process]bool) bool {
	among := func(o *process) bool { return set[o] }
	return slices.ContainsFunc(p.waits, func(w want) bool {
		if w.thing.lies {
			return slices.ContainsFunc(w.thing.home.consumers, among)
		}
		return slices.ContainsFunc(w.thing.holders, among)
	})
}

func alive(p *process) bool { return !p.dead }
