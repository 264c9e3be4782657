package history

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// Bounds on answers.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
	MaxBytes     = 4 << 20 // a page ends with the deadlock by which it has about so many
	maxExamined  = 5000    // records that are looked at for one page
)

// Query says which deadlocks are wanted. What is zero does not restrict.
type Query struct {
	Since, Until time.Time // found at Since or later, and before Until
	Service      string    // of a member of core or collateral
	Process      string    // is part of the name of one
	Status       detector.Status
	Fingerprint  string
	Limit        int // 0: DefaultLimit
	After        Cursor
}

// Cursor is a place between two deadlocks, in the order of latest first. The
// zero value is before all.
type Cursor struct{ key []byte }

// ParseCursor returns the cursor that String has written.
func ParseCursor(s string) (c Cursor, ok bool) {
	key, err := base64.RawURLEncoding.DecodeString(s)
	return Cursor{key}, err == nil && (len(key) == 0 || len(key) > 8)
}

// String returns the cursor in a form for URLs, empty for the zero value.
func (c Cursor) String() string { return base64.RawURLEncoding.EncodeToString(c.key) }

// limit returns how many are wanted at most.
func (q *Query) limit() int {
	if q.Limit == 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// Unrestricted reports whether all deadlocks are wanted.
func (q *Query) Unrestricted() bool {
	return q.Since.IsZero() && q.Until.IsZero() && q.Service == "" && q.Process == "" && q.Status == "" && q.Fingerprint == ""
}

// Matches reports whether a deadlock is wanted, by what it is and not by where
// the page begins.
func (q *Query) Matches(d *Deadlock) bool {
	found := d.Suspected
	switch {
	case !q.Since.IsZero() && found.Before(q.Since),
		!q.Until.IsZero() && !found.Before(q.Until),
		q.Status != "" && d.Status != q.Status,
		q.Fingerprint != "" && d.Fingerprint != q.Fingerprint:
		return false
	}
	return q.Service == "" && q.Process == "" || slices.ContainsFunc(d.Core, q.concerns) || slices.ContainsFunc(d.Collateral, q.concerns)
}

func (q *Query) concerns(p explain.Process) bool {
	return (q.Service == "" || p.Service == q.Service) && strings.Contains(p.Name, q.Process)
}

// Page is a part of the answer.
type Page struct {
	Deadlocks []Deadlock // latest first
	Next      Cursor     // zero: there are no more
}

// Merge adds to a page what is remembered besides the store, if it matches the
// query and belongs on this page. What is in both is as it is remembered.
func Merge(q Query, p Page, remembered []Deadlock) Page {
	places := make(map[string]int, len(p.Deadlocks))
	for i := range p.Deadlocks {
		places[p.Deadlocks[i].ID] = i
	}
	for i := range remembered {
		d := &remembered[i]
		if at, ok := places[d.ID]; ok {
			kept := &p.Deadlocks[at]
			d.Recurrence, d.Suspected = kept.Recurrence, kept.Suspected
			*kept = *d
			continue
		}
		k := key(d.Suspected, d.ID)
		if q.Matches(d) && (q.After.key == nil || bytes.Compare(k, q.After.key) < 0) && (p.Next.key == nil || bytes.Compare(k, p.Next.key) >= 0) {
			p.Deadlocks = append(p.Deadlocks, *d)
		}
	}
	p.Deadlocks = slices.DeleteFunc(p.Deadlocks, func(d Deadlock) bool { return !q.Matches(&d) })
	slices.SortFunc(p.Deadlocks, func(a, b Deadlock) int {
		return bytes.Compare(key(b.Suspected, b.ID), key(a.Suspected, a.ID))
	})
	if n := fitting(p.Deadlocks, q.limit()); len(p.Deadlocks) > n {
		p.Deadlocks = p.Deadlocks[:n]
		last := &p.Deadlocks[n-1]
		p.Next = Cursor{key(last.Suspected, last.ID)}
	}
	return p
}

// fitting returns how many of the first deadlocks go on a page, which has at most
// limit.
func fitting(all []Deadlock, limit int) (n int) {
	for size := 0; n < min(len(all), limit) && size < MaxBytes; n++ {
		size += all[n].Size()
	}
	return n
}
