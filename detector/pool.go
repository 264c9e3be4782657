package detector

import (
	"maps"
	"slices"
	"strings"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/waitfor"
)

// Pool is a queue that several processes consume: its workers.
type Pool struct {
	Queue   string
	Workers int
	Blocked int // of the workers
	Waiting int // requests that lie in the queue, as far as is known
	// LastWorker says that one worker is left that is not blocked, and that a
	// blocked one waits, through however many others, for a request in this
	// queue. If the last worker takes it and asks its own pool in turn, nobody
	// is left.
	LastWorker bool
}

// strained reports whether all workers of a pool but one are blocked.
func (q *queue) strained() bool {
	return q.blocked > 0 && q.blocked == q.members.len()-1 && len(q.unknown) == 0
}

// countBlocked adds to the blocked workers of the pools in which a node works.
func (d *Detector) countBlocked(n *node, more int) {
	for _, q := range n.consumes {
		q.blocked += more
		d.strain(q)
	}
}

// strain notes whether the pool is to be looked at when time passes.
func (d *Detector) strain(q *queue) {
	if q.strained() {
		d.strained[q] = struct{}{}
		return
	}
	delete(d.strained, q)
	q.lastWorker = false
}

// watchPools finds the pools that have come to their last worker. It is no part
// of a verdict, so it may lag behind by a tick.
func (d *Detector) watchPools() {
	for _, q := range slices.SortedFunc(maps.Keys(d.strained), compareQueues) {
		was := q.lastWorker
		if q.lastWorker = d.comesBack(q); q.lastWorker && !was {
			d.stats.LastWorkersSeen++
		}
	}
}

// maxSearch is how many processes beside the workers are looked at to find whether
// a pool waits for itself. It bounds a tick; beyond it nobody is warned.
const maxSearch = 1000

// comesBack reports whether a worker of q waits for what lies in q: all of them are
// looked at, and then, the nearest first, those for whom they wait.
func (d *Detector) comesBack(q *queue) bool {
	todo := slices.Collect(d.graph.Holders(q.vertex))
	seen, passed := make(map[waitfor.Process]struct{}), make(map[waitfor.Resource]struct{})
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		for r := range d.graph.Waits(p) {
			if r == q.vertex {
				return true
			}
			if _, ok := passed[r]; ok || len(seen) == maxSearch {
				continue
			}
			if d.graph.NumHolders(r) > 1 {
				passed[r] = struct{}{}
			}
			todo = d.reach(todo, seen, r)
		}
	}
	return false
}

// reach adds to todo the processes that can grant r, but for those seen before,
// while there is room.
func (d *Detector) reach(todo []waitfor.Process, seen map[waitfor.Process]struct{}, r waitfor.Resource) []waitfor.Process {
	for p := range d.graph.Holders(r) {
		if len(seen) == maxSearch {
			break
		}
		if _, ok := seen[p]; !ok {
			seen[p] = struct{}{}
			todo = append(todo, p)
		}
	}
	return todo
}

func compareQueues(a, b *queue) int { return strings.Compare(a.name, b.name) }

func (q *queue) pool() Pool {
	p := Pool{Queue: q.name, Workers: q.members.len(), Blocked: q.blocked, LastWorker: q.lastWorker}
	for r := range q.waiters {
		if r.untaken() == q && r.kind == report.Reply {
			p.Waiting += r.waiters.len()
		}
	}
	return p
}

// pools returns the queues with several consumers, sorted.
func (d *Detector) pools() []Pool {
	var pools []Pool
	for _, q := range slices.SortedFunc(maps.Values(d.queues), compareQueues) {
		if q.members.len() > 1 {
			pools = append(pools, q.pool())
		}
	}
	return pools
}
