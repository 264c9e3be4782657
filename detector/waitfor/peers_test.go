package waitfor

import (
	"slices"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"
)

// The ways of others, for comparison. None but full reduction is exact for
// waits that need fewer than all of their resources.

// tables is the system as the others need to see it besides their own graph.
type tables struct {
	waits   []request // by process
	waiters [][]int32 // by resource
	holders [][]int32 // by resource
}

type request struct {
	need int32 // 0 while the process is active
	on   []int32
}

func grown[T any](s []T, i int32) []T {
	for int(i) >= len(s) {
		s = append(s, *new(T))
	}
	return s
}

func without(s []int32, v int32) []int32 {
	i := slices.Index(s, v)
	s[i] = s[len(s)-1]
	return s[:len(s)-1]
}

func (t *tables) block(p, need int32, on []int32) {
	t.waits = grown(t.waits, p)
	t.waits[p] = request{need, append(t.waits[p].on[:0], on...)}
	for _, r := range on {
		t.waiters, t.holders = grown(t.waiters, r), grown(t.holders, r)
		t.waiters[r] = append(t.waiters[r], p)
	}
}

func (t *tables) unblock(p int32) {
	for _, r := range t.waits[p].on {
		t.waiters[r] = without(t.waiters[r], p)
	}
	t.waits[p].need = 0
	t.waits[p].on = t.waits[p].on[:0]
}

func (t *tables) hold(r, p int32) {
	t.waits = grown(t.waits, p)
	t.waiters, t.holders = grown(t.waiters, r), grown(t.holders, r)
	if !slices.Contains(t.holders[r], p) {
		t.holders[r] = append(t.holders[r], p)
	}
}

func (t *tables) release(r, p int32) { t.holders[r] = without(t.holders[r], p) }

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
	return &tikv{edges: map[int32]map[int32]int64{}}
}

const tikvTTL = 1 << 40 // no edge of the streams expires

func (t *tikv) setUp(on bool) { t.quiet = on }

func (t *tikv) block(p, need int32, on []int32) {
	t.tables.block(p, need, on)
	for _, r := range on {
		for _, q := range t.holders[r] {
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
	for _, w := range t.waiters[r] {
		t.detect(w, p)
	}
}

func (t *tikv) release(r, p int32) {
	t.tables.release(r, p)
	for _, w := range t.waiters[r] {
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

func newRebuild() engine { return &rebuild{} }

func (t *rebuild) endStep() {
	g := simple.NewDirectedGraph()
	for p, w := range t.waits {
		for _, r := range w.on {
			for _, q := range t.holders[r] {
				if int32(p) != q {
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

func newReduction() engine { return &reduction{} }

func (t *reduction) endStep() {
	lacking := make([]int32, len(t.waits))
	granted := make([]bool, len(t.waiters))
	holds := make([][]int32, len(t.waits))
	for p, w := range t.waits {
		lacking[p] = w.need
	}
	var free []int32
	grant := func(r int32) {
		if granted[r] {
			return
		}
		granted[r] = true
		for _, p := range t.waiters[r] {
			if lacking[p]--; lacking[p] == 0 {
				free = append(free, p)
			}
		}
	}
	for r, holders := range t.holders {
		if len(holders) == 0 {
			grant(int32(r))
		}
		for _, p := range holders {
			if t.waits[p].need == 0 {
				grant(int32(r))
			}
			holds[p] = append(holds[p], int32(r))
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
