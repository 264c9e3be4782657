package alertsink

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// maxPending is how many alerts wait for one receiver.
const maxPending = 1024

// keepEnded is how long the end of an alert is worth telling.
const keepEnded = 5 * time.Minute

// entry is a state that waits to be told.
type entry struct {
	*alert
	place uint64    // in the queue
	since time.Time // there has been something to tell of this alert
	step  bool      // it is more than a repetition
	// flying says that an attempt with it is under way. Until that is over,
	// something is pending of the same alert: this entry, or a newer one.
	flying bool
}

// queue holds the newest state of each alert for one receiver. Each state that
// is offered is counted once: by what became of it.
type queue struct {
	repeat  time.Duration
	metrics counts
	ready   chan struct{} // has a token if pending may not be empty

	mu      sync.Mutex
	places  uint64
	pending map[identity]*entry
	told    map[identity]time.Time // when of an alert that fires; empty unless repeat is set
}

func newQueue(repeat time.Duration, m counts) *queue {
	return &queue{
		repeat: repeat, metrics: m, ready: make(chan struct{}, 1),
		pending: make(map[identity]*entry), told: make(map[identity]time.Time),
	}
}

// offer takes a state, in the place of an older one of the same alert. It never
// blocks.
func (q *queue) offer(a *alert) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a.over {
		delete(q.told, a.identity)
	} else if last, known := q.told[a.identity]; known && a.again && a.at.Sub(last) < q.repeat {
		return
	}
	e := &entry{alert: a, since: a.at, step: !a.again}
	switch old := q.pending[a.identity]; {
	case old != nil && old.flying:
		e.place = q.place()
	case old != nil:
		e.place, e.since, e.step = old.place, old.since, e.step || old.step
		q.metrics.count(superseded)
	case len(q.pending) == maxPending:
		q.metrics.count(dropped)
		return
	default:
		e.place = q.place()
	}
	q.pending[a.identity] = e
	q.signal()
}

// next returns the first n entries, which are flying until they are settled or
// postponed. What is no longer worth telling is forgotten.
func (q *queue) next(now time.Time, n int) []*entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, e := range q.pending {
		if now.After(e.expires()) {
			delete(q.pending, id)
			q.metrics.count(expired)
		}
	}
	first := slices.SortedFunc(maps.Values(q.pending), func(a, b *entry) int { return cmp.Compare(a.place, b.place) })
	first = first[:min(n, len(first))]
	for _, e := range first {
		e.flying = true
	}
	q.signal()
	return first
}

// settle says what became of flying entries, for good.
func (q *queue) settle(now time.Time, flown []*entry, outcome string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range flown {
		q.metrics.count(outcome)
		if outcome == sent && e.step {
			q.metrics.took(now.Sub(e.since))
		}
		newest := q.pending[e.identity]
		switch {
		case newest == e:
			delete(q.pending, e.identity)
		case q.repeat > 0 && !newest.step: // it would only repeat what was just told
			delete(q.pending, e.identity)
			q.metrics.count(superseded)
		}
		if q.repeat > 0 && !newest.over {
			q.told[e.identity] = now
		}
	}
	q.signal()
}

// postpone puts flying entries at the end, so that the others have their turn,
// unless there is a newer state.
func (q *queue) postpone(flown []*entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range flown {
		e.flying = false
		newest := q.pending[e.identity]
		if newest != e {
			newest.since, newest.step = e.since, newest.step || e.step
			q.metrics.count(superseded)
			continue
		}
		e.place = q.place()
	}
	q.signal()
}

// wait returns true once there is something to tell, false when ctx ends.
func (q *queue) wait(ctx context.Context) bool {
	for {
		q.mu.Lock()
		n := len(q.pending)
		q.mu.Unlock()
		if n > 0 && ctx.Err() == nil {
			return true
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return false
		}
	}
}

// place returns the last place.
func (q *queue) place() uint64 {
	q.places++
	return q.places
}

// signal tells those outside how much is pending.
func (q *queue) signal() {
	q.metrics.waiting(len(q.pending))
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
