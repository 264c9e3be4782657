package history

import (
	"cmp"
	"context"
	"fmt"
	"time"

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
// although there are more, as it takes a bounded time and room: it ends with ctx,
// and with the deadlock by which it has MaxBytes.
func (s *Store) Query(ctx context.Context, q Query) (Page, error) {
	p := Page{Deadlocks: []Deadlock{}}
	damaged, err := s.fill(ctx, &q, &p)
	if damaged > 0 {
		s.cfg.Trouble(fmt.Errorf("read history %s: %d deadlocks are %w", s.cfg.File, damaged, errDamaged))
	}
	return p, err
}

// fill fills a page and returns how many records it has passed over. Who writes
// waits for the reading of one of them, not for the whole page.
func (s *Store) fill(ctx context.Context, q *Query, p *Page) (damaged int, err error) {
	start, size := q.start(), 0
	for examined := 0; ; examined++ {
		key, frame, err := s.before(start, q.Since)
		if err != nil || key == "" {
			return damaged, err
		}
		if examined > 0 && (len(p.Deadlocks) == q.limit() || size >= MaxBytes || examined == maxExamined || ctx.Err() != nil) {
			p.Next = Cursor{append([]byte(key), 0)} // the least that is greater
			return damaged, nil
		}
		start = key
		var d Deadlock
		if load(frame, &d) != nil {
			damaged++
			continue
		}
		if q.Matches(&d) {
			d.EndUnseen = !d.Status.Ended()
			p.Deadlocks = append(p.Deadlocks, d)
			size += d.Size()
		}
	}
}

// before returns the latest deadlock before a key, empty for the end, that was
// found at since or later. The key is empty if there is none, and the frame if it
// cannot be read.
func (s *Store) before(start string, since time.Time) (key string, frame []byte, err error) {
	err = s.view(func(f *file, x *index) error {
		n := len(x.order)
		if start != "" {
			n, _ = x.find(start)
		}
		if n == 0 || x.order[n-1].Found.Before(since) {
			return nil
		}
		e := x.order[n-1]
		key = e.key
		frame, _ = f.frame(e.verdict) // what is missing is damaged
		return nil
	})
	return key, frame, err
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
	var verdict, proven []byte
	err = s.view(func(f *file, x *index) (err error) {
		e := x.byID[id]
		if e == nil {
			return nil
		}
		ok = true
		if verdict, err = f.frame(e.verdict); err == nil && e.proof.n > 0 {
			proven, err = f.frame(e.proof)
		}
		return err
	})
	if err != nil || !ok {
		return d, nil, false, err
	}
	if err := load(verdict, &d); err != nil {
		return d, nil, false, fmt.Errorf("read history %s: %w", s.cfg.File, err)
	}
	d.EndUnseen = !d.Status.Ended()
	if proven == nil {
		return d, nil, true, nil
	}
	p = new(proof.Proof)
	if err := load(proven, p); err != nil {
		return d, nil, false, fmt.Errorf("read history %s: proof: %w", s.cfg.File, err)
	}
	return d, p, true, nil
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
