package ledger

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// taken remembers which requests were received and are owed no more. One that
// was answered is remembered for a while, since its reply may be on its way.
// One that was abandoned is remembered for as long as there is room: its caller
// may wait for ever, and nobody else can say that the request is no longer in
// its queue.
//
// Remembering is on the path of every request and is one store; finding, which
// only questions ask for, looks through everything.
type taken struct {
	answered  ring
	abandoned ring
	early     uint64 // names that were forgotten for want of room
}

func newTaken(limit int) taken {
	return taken{answered: ring{limit: limit}, abandoned: ring{limit: limit}}
}

// answer remembers an answered request until the given time.
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
		q.pop()
		t.early++
	}
	q.push(d)
}

// forget forgets the requests that were answered long enough ago.
func (t *taken) forget(now time.Time) {
	for q := &t.answered; q.len > 0 && q.at(0).until <= now.UnixNano(); {
		q.pop()
	}
}

// find marks those of the asked that are remembered.
func (t *taken) find(asked map[fingerprint]bool) {
	for _, q := range [...]*ring{&t.answered, &t.abandoned} {
		for i := range q.len {
			mark(asked, q.at(i).name)
		}
	}
}

func mark(asked map[fingerprint]bool, name fingerprint) {
	if _, ok := asked[name]; ok {
		asked[name] = true
	}
}

// takenAmong returns those of the named requests that were received here: they
// are owed, or remembered.
func (l *Ledger) takenAmong(names []report.Resource) []report.Resource {
	if len(names) == 0 {
		return nil
	}
	asked := make(map[fingerprint]bool, len(names))
	for _, r := range names {
		asked[hash(r)] = false
	}
	l.taken.find(asked)
	for _, p := range l.procs {
		for r := range p.holds {
			mark(asked, hash(r))
		}
	}
	var found []report.Resource
	for _, r := range names {
		if asked[hash(r)] {
			found = append(found, r)
		}
	}
	return found
}

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

func (q *ring) at(i int) *departed {
	if i += q.head; i >= len(q.entries) {
		i -= len(q.entries)
	}
	return &q.entries[i]
}

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

func (q *ring) pop() {
	q.len--
	if q.head++; q.head == len(q.entries) {
		q.head = 0
	}
}
