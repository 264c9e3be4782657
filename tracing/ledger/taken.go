package ledger

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// taken remembers which requests were received: those that are still owed and,
// for a while, those that are not any more.
type taken struct {
	names map[report.Resource]int // how many hold it or remember it
	gone  []departed              // a ring, oldest at head
	head  int
	len   int
}

type departed struct {
	name  report.Resource
	until time.Time
}

func newTaken(limit int) taken {
	return taken{names: make(map[report.Resource]int), gone: make([]departed, limit)}
}

func (t *taken) hold(r report.Resource) { t.names[r]++ }

// release begins to forget r. When there is no room for it, the oldest name
// makes it.
func (t *taken) release(r report.Resource, until time.Time) {
	if t.len == len(t.gone) {
		t.drop()
	}
	t.gone[(t.head+t.len)%len(t.gone)] = departed{r, until}
	t.len++
}

func (t *taken) forget(now time.Time) {
	for t.len > 0 && !t.gone[t.head].until.After(now) {
		t.drop()
	}
}

func (t *taken) drop() {
	r := t.gone[t.head].name
	if t.names[r]--; t.names[r] <= 0 {
		delete(t.names, r)
	}
	t.gone[t.head] = departed{}
	t.head = (t.head + 1) % len(t.gone)
	t.len--
}

func (t *taken) has(r report.Resource) bool { return t.names[r] > 0 }
