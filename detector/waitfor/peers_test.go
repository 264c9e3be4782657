package waitfor

import (
	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"
)

// The ways of others, for comparison. None but full reduction is exact for
// waits that need fewer than all of their resources.

// tables is the system as the others need to see it besides their own graph.
type tables struct {
	waits   map[int32]request
	waiters map[int32]map[int32]struct{} // by resource
	holders map[int32]map[int32]struct{} // by resource
}

type request struct {
	need int32
	on   []int32
}

func newTables() tables {
	return tables{map[int32]request{}, map[int32]map[int32]struct{}{}, map[int32]map[int32]struct{}{}}
}

func put(m map[int32]map[int32]struct{}, k, v int32) {
	if m[k] == nil {
		m[k] = map[int32]struct{}{}
	}
	m[k][v] = struct{}{}
}

func take(m map[int32]map[int32]struct{}, k, v int32) {
	delete(m[k], v)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

func (t *tables) block(p, need int32, on []int32) {
	t.waits[p] = request{need, append([]int32(nil), on...)}
	for _, r := range on {
		put(t.waiters, r, p)
	}
}

func (t *tables) unblock(p int32) {
	for _, r := range t.waits[p].on {
		take(t.waiters, r, p)
	}
	delete(t.waits, p)
}

func (t *tables) hold(r, p int32)    { put(t.holders, r, p) }
func (t *tables) release(r, p int32) { take(t.holders, r, p) }

// tikv is the detector of TiKV (src/server/lock_manager/deadlock.rs): edges
// between transactions in nested maps, each with the time at which it expires,
// and a depth-first search from the holder at each new edge. When the owner of
// a lock changes, each waiter takes back its edge and sends another one.
type tikv struct {
	tables
	edges map[int32]map[int32]int64 // waiter to holder to expiry
	now   int64
	found int
	quiet bool // do not search: for setting up
}

func newTiKV() engine {
	return &tikv{tables: newTables(), edges: map[int32]map[int32]int64{}}
}

const tikvTTL = 1 << 40 // no edge of the streams expires

func (t *tikv) setUp(on bool) { t.quiet = on }

func (t *tikv) block(p, need int32, on []int32) {
	t.tables.block(p, need, on)
	for _, r := range on {
		for q := range t.holders[r] {
			t.detect(p, q)
		}
	}
}

func (t *tikv) unblock(p int32) {
	t.tables.unblock(p)
	delete(t.edges, p)
}

func (t *tikv) hold(r, p int32) {
	t.tables.hold(r, p)
	for w := range t.waiters[r] {
		t.detect(w, p)
	}
}

func (t *tikv) release(r, p int32) {
	t.tables.release(r, p)
	for w := range t.waiters[r] {
		delete(t.edges[w], p)
		if len(t.edges[w]) == 0 {
			delete(t.edges, w)
		}
	}
}

func (t *tikv) detect(waiter, holder int32) {
	t.now++
	if !t.quiet && t.search(waiter, holder) {
		t.found++
		return
	}
	if t.edges[waiter] == nil {
		t.edges[waiter] = map[int32]int64{}
	}
	t.edges[waiter][holder] = t.now + tikvTTL
}

func (t *tikv) search(waiter, holder int32) bool {
	stack, pushed := []int32{holder}, map[int32]struct{}{holder: {}}
	for len(stack) > 0 {
		p := pop(&stack)
		for q, expiry := range t.edges[p] {
			if expiry < t.now {
				delete(t.edges[p], q)
				continue
			}
			if q == waiter {
				return true
			}
			if _, ok := pushed[q]; !ok {
				pushed[q] = struct{}{}
				stack = append(stack, q)
			}
		}
	}
	return false
}

// rebuild makes a gonum graph of everything and looks for its strongly
// connected components, as is done at a steady interval.
type rebuild struct{ tables }

func newRebuild() engine { return &rebuild{newTables()} }

func (t *rebuild) endStep() {
	g := simple.NewDirectedGraph()
	for p, w := range t.waits {
		for _, r := range w.on {
			for q := range t.holders[r] {
				if p != q {
					g.SetEdge(g.NewEdge(simple.Node(p), simple.Node(q)))
				}
			}
		}
	}
	for _, component := range topo.TarjanSCC(g) {
		if len(component) > 1 {
			sink++
		}
	}
}

// reduction reduces the whole graph from scratch.
type reduction struct{ tables }

func newReduction() engine { return &reduction{newTables()} }

func (t *reduction) endStep() {
	lacking := make(map[int32]int32, len(t.waits))
	granted := make(map[int32]bool, len(t.waiters))
	var free []int32
	for p, w := range t.waits {
		lacking[p] = w.need
	}
	grant := func(r int32) {
		if granted[r] {
			return
		}
		granted[r] = true
		for p := range t.waiters[r] {
			if lacking[p]--; lacking[p] == 0 {
				free = append(free, p)
			}
		}
	}
	holds := map[int32][]int32{}
	for r := range t.waiters {
		if len(t.holders[r]) == 0 {
			grant(r)
		}
		for p := range t.holders[r] {
			if _, blocked := t.waits[p]; !blocked {
				grant(r)
			} else {
				holds[p] = append(holds[p], r)
			}
		}
	}
	for len(free) > 0 {
		for _, r := range holds[pop(&free)] {
			grant(r)
		}
	}
	for _, n := range lacking {
		if n > 0 {
			sink++
		}
	}
}

var sink int
