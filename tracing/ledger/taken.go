package ledger

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// taken remembers which requests were received. A request that is owed is
// remembered as long as it is, and one that was answered for a while, since its
// reply may be on its way. One that was abandoned is remembered for as long as
// there is room: its caller may wait for ever, and nobody else can say that the
// request is no longer in its queue.
type taken struct {
	names     map[fingerprint]int32 // how many hold it or remember it
	answered  ring
	abandoned ring
	early     uint64 // names that were forgotten for want of room
}

func newTaken(limit int) taken {
	return taken{names: make(map[fingerprint]int32), answered: ring{limit: limit}, abandoned: ring{limit: limit}}
}

func (t *taken) hold(r report.Resource) { t.names[hash(r)]++ }

// returned forgets a request that goes back to its queue.
func (t *taken) returned(r report.Resource) { t.drop(hash(r)) }

func (t *taken) drop(f fingerprint) {
	if t.names[f]--; t.names[f] <= 0 {
		delete(t.names, f)
	}
}

// answer begins to forget an answered request.
func (t *taken) answer(r report.Resource, until time.Time) {
	t.leave(&t.answered, departed{hash(r), until.UnixNano()})
}

// abandon remembers an abandoned request.
func (t *taken) abandon(r report.Resource) {
	t.leave(&t.abandoned, departed{name: hash(r)})
}

// leave remembers one more. When there is no room for it, the oldest makes it.
func (t *taken) leave(q *ring, d departed) {
	if q.full() {
		t.drop(q.pop())
		t.early++
	}
	q.push(d)
}

// forget forgets the requests that were answered long enough ago.
func (t *taken) forget(now time.Time) {
	for q := &t.answered; q.len > 0 && q.at(0).until <= now.UnixNano(); {
		t.drop(q.pop())
	}
}

func (t *taken) has(r report.Resource) bool { return t.names[hash(r)] > 0 }

// fingerprint stands for a name: there may be many, and without pointers the
// garbage collector need not look at them. That two names share one is as good
// as impossible, and would make a request look taken: a verdict stay suspected.
type fingerprint uint64

// hash is the 64-bit FNV-1a hash of a name.
func hash(r report.Resource) fingerprint {
	h := fingerprint(14695981039346656037)
	for i := range len(r) {
		h = (h ^ fingerprint(r[i])) * 1099511628211
	}
	return h
}

type departed struct {
	name  fingerprint
	until int64 // Unix nanoseconds
}

// ring is a first-in, first-out queue of at most limit entries. It grows to
// what it needs.
type ring struct {
	entries          []departed
	head, len, limit int
}

func (q *ring) full() bool { return q.len == q.limit }

func (q *ring) at(i int) *departed { return &q.entries[(q.head+i)%len(q.entries)] }

func (q *ring) push(d departed) {
	if q.len == len(q.entries) {
		grown := make([]departed, min(q.limit, max(64, 2*q.len)))
		for i := range q.len {
			grown[i] = *q.at(i)
		}
		q.entries, q.head = grown, 0
	}
	q.len++
	*q.at(q.len - 1) = d
}

func (q *ring) pop() fingerprint {
	d := q.at(0)
	name := d.name
	*d = departed{}
	q.head = (q.head + 1) % len(q.entries)
	q.len--
	return name
}
