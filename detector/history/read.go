package history

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/proof"
)

// view has f read while nothing is changed.
func (s *Store) view(f func(f *file, x *index) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return cmp.Or(s.Err(), ErrOpening)
	}
	if err := f(s.file, s.index); err != nil {
		return fmt.Errorf("read history %s: %w", s.cfg.File, err)
	}
	return nil
}

// Query returns a page of what is kept. A page may have fewer than are wanted
// although there are more, as it takes a bounded time.
func (s *Store) Query(q Query) (Page, error) {
	p := Page{Deadlocks: []Deadlock{}}
	damaged := 0
	err := s.view(func(f *file, x *index) error {
		damaged = q.read(f, x, &p)
		return nil
	})
	if damaged > 0 {
		s.cfg.Trouble(fmt.Errorf("read history %s: %d deadlocks are %w", s.cfg.File, damaged, errDamaged))
	}
	return p, err
}

// read fills a page and returns how many records it has passed over.
func (q *Query) read(f *file, x *index, p *Page) (damaged int) {
	n := len(x.order)
	if start := q.start(); start != "" {
		n, _ = x.find(start)
	}
	examined := 0
	for _, e := range slices.Backward(x.order[:n]) {
		if !q.Since.IsZero() && e.Found.Before(q.Since) {
			return damaged
		}
		if len(p.Deadlocks) == q.limit() || examined == maxExamined {
			p.Next = Cursor{append([]byte(e.key), 0)} // the least that is greater
			return damaged
		}
		examined++
		var d Deadlock
		if f.load(e.verdict, &d) != nil {
			damaged++
			continue
		}
		if q.Matches(&d) {
			d.EndUnseen = !d.Status.Ended()
			p.Deadlocks = append(p.Deadlocks, d)
		}
	}
	return damaged
}

// start returns the key before which the page begins, empty for the end.
func (q *Query) start() string {
	start := string(q.After.key)
	if !q.Until.IsZero() {
		if until := string(key(q.Until, "")); start == "" || until < start {
			start = until
		}
	}
	return start
}

// Get returns the deadlock with an ID and its proof, nil if none is kept.
func (s *Store) Get(id string) (d Deadlock, p *proof.Proof, ok bool, err error) {
	err = s.view(func(f *file, x *index) error {
		e := x.byID[id]
		if e == nil {
			return nil
		}
		if err := f.load(e.verdict, &d); err != nil {
			return err
		}
		d.EndUnseen = !d.Status.Ended()
		ok = true
		if e.proof.n == 0 {
			return nil
		}
		p = new(proof.Proof)
		if err := f.load(e.proof, p); err != nil {
			return fmt.Errorf("proof: %w", err)
		}
		return nil
	})
	return d, p, ok && err == nil, err
}

// Recall returns verdicts with what is known of their patterns.
func (s *Store) Recall(all []explain.Verdict) []Deadlock {
	found := Bare(all)
	_ = s.view(func(_ *file, x *index) error { // a store that fails says so by Err
		for i := range found {
			d := &found[i]
			r := x.recurrence(d.Fingerprint)
			if e := x.byID[d.ID]; e != nil {
				r, d.Fingerprint = e.Recurrence, e.Fingerprint
			}
			d.Recurrence = &r
		}
		return nil
	})
	return found
}

// Bare returns verdicts of whose patterns nothing is known.
func Bare(all []explain.Verdict) []Deadlock {
	found := make([]Deadlock, len(all))
	for i := range all {
		found[i] = Deadlock{Verdict: all[i], Fingerprint: Fingerprint(&all[i])}
	}
	return found
}
