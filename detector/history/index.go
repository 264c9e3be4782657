package history

import (
	"cmp"
	"slices"
	"time"
)

// index says where everything lies. It is read from the heads, and nothing else
// has to be right for the file to be.
type index struct {
	byID     map[string]*entry
	order    []*entry // oldest first
	patterns map[string]pattern
	bytes    int64 // of what is kept
}

// entry is one deadlock. Invariant: verdict.n > 0 for those in order.
type entry struct {
	head
	key            string // place in the order
	verdict, proof extent // proof.n == 0: none
}

// pattern is what is known of the deadlocks of one fingerprint.
type pattern struct {
	Recurrence     // of the next one
	kept       int // with the last one the pattern is forgotten
}

func newIndex() *index {
	return &index{byID: map[string]*entry{}, patterns: map[string]pattern{}}
}

// put notes a frame in the place of what there was of the same deadlock.
func (x *index) put(h head, at extent) {
	e := x.byID[h.ID]
	if h.Proof {
		if e != nil { // else its verdict is damaged
			x.bytes += int64(at.n - e.proof.n)
			e.proof = at
		}
		return
	}
	if e != nil {
		x.bytes += int64(at.n - e.verdict.n)
		e.verdict, e.Confirmed = at, h.Confirmed
		return
	}
	e = &entry{head: h, key: string(key(h.Found, h.ID)), verdict: at}
	x.byID[h.ID] = e
	i, _ := x.find(e.key)
	x.order = slices.Insert(x.order, i, e)
	x.bytes += int64(at.n)
	x.count(e)
}

// count adds a deadlock to its pattern.
func (x *index) count(e *entry) {
	p := x.patterns[e.Fingerprint]
	if p.kept++; e.Before >= p.Before {
		p.Before = e.Before + 1
		if p.First = e.First; e.Before == 0 {
			p.First = e.Found
		}
	}
	if e.Found.After(p.Last) {
		p.Last = e.Found
	}
	x.patterns[e.Fingerprint] = p
}

// recurrence tells of the deadlocks of a pattern so far.
func (x *index) recurrence(fingerprint string) Recurrence { return x.patterns[fingerprint].Recurrence }

// find returns the place of a key, and whether it is there.
func (x *index) find(key string) (int, bool) {
	return slices.BinarySearchFunc(x.order, key, func(e *entry, key string) int { return cmp.Compare(e.key, key) })
}

// forget removes the oldest until none was found before an instant, and no more
// than most bytes are kept.
func (x *index) forget(before time.Time, most int64) {
	for len(x.order) > 0 && (x.bytes > most || x.order[0].Found.Before(before)) {
		x.remove(x.order[0])
	}
}

func (x *index) remove(e *entry) {
	if i, ok := x.find(e.key); i == 0 && ok {
		x.order = x.order[1:] // those behind stay where they are
	} else if ok {
		x.order = slices.Delete(x.order, i, i+1)
	}
	delete(x.byID, e.ID)
	x.bytes -= int64(e.verdict.n + e.proof.n)
	p := x.patterns[e.Fingerprint]
	if p.kept--; p.kept == 0 {
		delete(x.patterns, e.Fingerprint)
	} else {
		x.patterns[e.Fingerprint] = p
	}
}
