package waitfor

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// The definitions and theorems that the package rests on, each checked on
// random systems: what the graph says against the criterion of the literature,
// computed without it. Cited are, by the request model that they treat,
//
//	Holt, Some Deadlock Properties of Computer Systems, ACM Computing Surveys 4(3), 1972
//	Chandy, Misra, Haas, Distributed Deadlock Detection, ACM TOCS 1(2), 1983
//	Knapp, Deadlock Detection in Distributed Databases, ACM Computing Surveys 19(4), 1987
//	Kshemkalyani, Singhal, Efficient Detection and Resolution of Generalized
//	Distributed Deadlocks, IEEE TSE 20(1), 1994

const systemsPerTheorem = 2000

// randomWaits blocks processes at random on resources with one holder each,
// need(n) of n, and leaves about one in five active.
func randomWaits(rng *rand.Rand, need func(n int) int) *world {
	w := newWorld()
	n := 2 + rng.IntN(8)
	name := func(i int) string { return fmt.Sprintf("P%d", i) }
	for i := range n {
		must(w.do(command{verb: "hold", process: name(i), resources: []string{"r" + name(i)}}))
	}
	for i := range n {
		if rng.IntN(5) == 0 {
			continue
		}
		on := make([]string, 1+rng.IntN(3))
		for j := range on {
			on[j] = "r" + name(rng.IntN(n))
		}
		must(w.do(command{verb: "block", process: name(i), resources: on, need: need(len(on))}))
	}
	return w
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func all(n int) int { return n }
func one(int) int   { return 1 }

// waitForGraph is the graph of the literature: an edge from each blocked
// process to each that it waits for.
func (w *world) waitForGraph() map[string]set {
	edges := map[string]set{}
	for p, wait := range w.oracle.waits {
		edges[p] = set{}
		for _, r := range wait.on {
			maps.Copy(edges[p], w.oracle.holders[r])
		}
	}
	return edges
}

// everyProcess checks that exactly those processes are deadlocked of which
// criterion says so.
func everyProcess(t *testing.T, need func(n int) int, criterion func(edges map[string]set, p string) bool) {
	t.Helper()
	for seed := range uint64(systemsPerTheorem) {
		w := randomWaits(rand.New(rand.NewPCG(seed, 2)), need)
		edges := w.waitForGraph()
		for name, p := range w.processes {
			if got, want := w.graph.Deadlocked(p), criterion(edges, name); got != want {
				t.Fatalf("seed %d: %s deadlocked %v, by the criterion %v\n\n%s", seed, name, got, want, w.Trace())
			}
		}
	}
}

// AND model (Knapp 1987; the resource model of Chandy, Misra and Haas 1983): a
// process is deadlocked if and only if it can reach a cycle.
func TestANDDeadlockIsReachableCycle(t *testing.T) {
	everyProcess(t, all, func(edges map[string]set, p string) bool {
		reached := reach(edges, p)
		reached[p] = true
		for q := range reached {
			if reach(edges, q)[q] {
				return true
			}
		}
		return false
	})
}

// OR model (Knapp 1987; the communication model of Chandy, Misra and Haas 1983):
// a process is deadlocked if and only if it is blocked and can reach blocked
// processes only.
func TestORDeadlockIsReachingOnlyBlocked(t *testing.T) {
	everyProcess(t, one, func(edges map[string]set, p string) bool {
		for q := range reach(edges, p) {
			if edges[q] == nil {
				return false
			}
		}
		return edges[p] != nil
	})
}

// OR model (Knapp 1987, after Holt 1972): there is a deadlock if and only if
// there is a knot, a set of processes of which each reaches exactly the set.
func TestORDeadlockIsKnot(t *testing.T) {
	for seed := range uint64(systemsPerTheorem) {
		w := randomWaits(rand.New(rand.NewPCG(seed, 3)), one)
		edges := w.waitForGraph()
		knot := false
		for p := range edges {
			reached := reach(edges, p)
			knot = knot || len(reached) > 0 && !slices.ContainsFunc(reached.sorted(), func(q string) bool {
				return reach(edges, q).String() != reached.String()
			})
		}
		if got := w.graph.DeadlockedCount() > 0; got != knot {
			t.Fatalf("seed %d: deadlock %v, knot %v\n\n%s", seed, got, knot, w.Trace())
		}
	}
}

// Single-unit requests (Holt 1972; the one-resource model of Knapp 1987): a
// process is deadlocked if and only if following the waits never ends.
func TestSingleRequestDeadlockIsEndlessPath(t *testing.T) {
	for seed := range uint64(systemsPerTheorem) {
		w := randomWaits(rand.New(rand.NewPCG(seed, 4)), one)
		for p, wait := range w.oracle.waits {
			must(w.do(command{verb: "block", process: p, resources: wait.on[:1]}))
		}
		edges := w.waitForGraph()
		for name, p := range w.processes {
			at, steps := name, 0
			for ; edges[at] != nil && steps <= len(edges); steps++ {
				at = edges[at].sorted()[0]
			}
			if got, want := w.graph.Deadlocked(p), steps > len(edges); got != want {
				t.Fatalf("seed %d: %s deadlocked %v, endless path %v\n\n%s", seed, name, got, want, w.Trace())
			}
		}
	}
}

// k-of-n model (Kshemkalyani and Singhal 1994), as in every other (Holt 1972): a
// cycle is necessary.
func TestCycleIsNecessary(t *testing.T) {
	deadlocks := 0
	for seed := range uint64(systemsPerTheorem) {
		w := randomWaits(rand.New(rand.NewPCG(seed, 5)), func(n int) int { return 1 + int(seed)%n })
		edges := w.waitForGraph()
		cyclic := slices.ContainsFunc(slices.Collect(maps.Keys(edges)), func(p string) bool { return reach(edges, p)[p] })
		if w.graph.DeadlockedCount() == 0 {
			continue
		}
		deadlocks++
		if !cyclic {
			t.Fatalf("seed %d: a deadlock without a cycle\n\n%s", seed, w.Trace())
		}
	}
	if deadlocks == 0 {
		t.Fatal("no system had a deadlock")
	}
}

// OR model (Holt 1972; Knapp 1987): a cycle is not sufficient. It is not rare
// either that it is no deadlock.
func TestCycleIsNotSufficientWithOR(t *testing.T) {
	cycles, deadlocks := 0, 0
	for seed := range uint64(systemsPerTheorem) {
		w := randomWaits(rand.New(rand.NewPCG(seed, 6)), one)
		edges := w.waitForGraph()
		if slices.ContainsFunc(slices.Collect(maps.Keys(edges)), func(p string) bool { return reach(edges, p)[p] }) {
			cycles++
			if w.graph.DeadlockedCount() > 0 {
				deadlocks++
			}
		}
	}
	if deadlocks == 0 || cycles-deadlocks < cycles/4 {
		t.Fatalf("%d of %d systems with a cycle are deadlocked", deadlocks, cycles)
	}
}

// Reduction is confluent (Holt 1972; for k-of-n Kshemkalyani and Singhal 1994):
// whatever the order, the same processes are left.
func TestReductionOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(systemsPerTheorem) {
		rng := rand.New(rand.NewPCG(seed, 7))
		w := randomWaits(rng, func(n int) int { return 1 + rng.IntN(n) })
		blocked := setOf(slices.Collect(maps.Keys(w.oracle.waits))...)
		order := blocked.sorted()
		for range 5 {
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			if got, want := w.deadlocked().String(), w.oracle.reduce(blocked, order).String(); got != want {
				t.Fatalf("seed %d: deadlocked %s, reduced in the order %v %s\n\n%s", seed, got, order, want, w.Trace())
			}
		}
	}
}

// Ours: sets that satisfy the definition of a core and overlap do so together, so
// that cores, the greatest of them, are disjoint.
func TestCoresAreDisjoint(t *testing.T) {
	for seed := range uint64(systemsPerTheorem) {
		rng := rand.New(rand.NewPCG(seed, 8))
		w := randomWaits(rng, func(n int) int { return 1 + rng.IntN(n) })
		seen := set{}
		for _, core := range w.oracle.coresByDefinition() {
			for p := range core {
				if seen[p] {
					t.Fatalf("seed %d: %s is in two cores\n\n%s", seed, p, w.Trace())
				}
				seen[p] = true
			}
		}
	}
}

// Ours: every deadlock has a core. Nobody is deadlocked by collateral alone.
func TestEveryDeadlockHasCore(t *testing.T) {
	for seed := range uint64(systemsPerTheorem) {
		rng := rand.New(rand.NewPCG(seed, 9))
		w := randomWaits(rng, func(n int) int { return 1 + rng.IntN(n) })
		if got, want := len(w.graph.Cores()) > 0, w.graph.DeadlockedCount() > 0; got != want {
			t.Fatalf("seed %d: cores %v, %d deadlocked\n\n%s", seed, got, w.graph.DeadlockedCount(), w.Trace())
		}
	}
}

// Ours: the state does not depend on how it came about. The same waits and holds
// in another order make the same deadlocked set and the same cores.
func TestOrderOfReportsDoesNotMatter(t *testing.T) {
	for seed := range uint64(systemsPerTheorem) {
		rng := rand.New(rand.NewPCG(seed, 10))
		first := randomWaits(rng, func(n int) int { return 1 + rng.IntN(n) })
		second := newWorld()
		commands := slices.Clone(first.trace)
		rng.Shuffle(len(commands), func(i, j int) { commands[i], commands[j] = commands[j], commands[i] })
		for _, c := range commands {
			must(second.do(c))
		}
		if got, want := second.String(), first.String(); got != want {
			t.Fatalf("seed %d:\n%s\nin another order:\n%s\n\n%s", seed, want, got, second.Trace())
		}
	}
}
