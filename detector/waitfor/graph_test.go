package waitfor

import (
	"fmt"
	"slices"
	"testing"
)

// grow makes a graph of so many processes, of which process i holds resource i.
func grow(n int) (g *Graph, p []Process, r []Resource) {
	g = New()
	for i := range n {
		p, r = append(p, g.AddProcess()), append(r, g.AddResource())
		g.Hold(r[i], p[i])
	}
	return g, p, r
}

// reach is how far the searches of g have ever got: their space never shrinks.
func (g *Graph) reach() int {
	s := &g.search
	return cap(s.processes) + cap(s.resources) + cap(s.behind)
}

const nearby = 32

// A chain that grows at its head is looked at no further than its neighbour,
// whichever end of the new edge comes first.
func TestHeadOfChainIsLocal(t *testing.T) {
	const length = 10_000
	g, p, r := grow(length)
	for i := range length - 1 {
		g.Block(p[i+1], 1, r[i:i+1])
	}
	for i := range length - 1 {
		g.Release(r[i], p[i])
		g.Unblock(p[i])
	}
	for i := range length - 1 {
		g.Block(p[i+1], 1, r[i:i+1])
		g.Hold(r[i], p[i])
	}
	if g.reach() > nearby {
		t.Errorf("searches took space for %d", g.reach())
	}
}

// Whatever happens to the owner of a lock, those who queue for it are not looked
// at one by one.
func TestConvoyIsLocal(t *testing.T) {
	const size = 10_000
	g, p, r := grow(size)
	lock, free := r[0], r[1]
	for _, waiter := range p[2:] {
		g.Block(waiter, 1, []Resource{lock})
	}
	for i := 2; i < 100; i++ {
		g.Block(p[0], 1, []Resource{free})
		g.Unblock(p[0])
		g.Release(lock, p[0])
		g.Hold(lock, p[1])
		g.Release(lock, p[1])
		g.Hold(lock, p[0])
	}
	if g.reach() > nearby {
		t.Errorf("searches took space for %d", g.reach())
	}
}

// Requests that are queued one by one at a blocked process at the end of a long
// chain do not make anybody follow the chain.
func TestQueuedRequestsAreLocal(t *testing.T) {
	const length, requests = 10_000, 1_000
	g, p, r := grow(length)
	for i := range length - 1 {
		g.Block(p[i+1], 1, r[i:i+1])
	}
	for range requests {
		caller, reply := g.AddProcess(), g.AddResource()
		g.Block(caller, 1, []Resource{reply})
		g.Hold(reply, p[length-1])
	}
	if g.reach() > nearby {
		t.Errorf("searches took space for %d", g.reach())
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for name, open := range map[string]func(engine, int) stream{
		"forest": newForest, "chain": newChain, "convoy": newConvoy, "mix": newMix, "pools": newPools,
	} {
		t.Run(name, func(t *testing.T) {
			l := &log{}
			s := open(l, 1000)
			for range 5000 {
				s.step(l)
				l.endStep()
			}
			e, at := newGraphEngine(), 0
			for range 4000 {
				at = l.replay(e, at)
			}
			if n := testing.AllocsPerRun(500, func() { at = l.replay(e, at) }); n > 0 {
				t.Errorf("%v allocations per step", n)
			}
		})
	}
}

// ring makes a core of the first n processes and returns it.
func ring(g *Graph, p []Process, r []Resource, n int) []Process {
	for i := range n {
		g.Block(p[i], 1, r[(i+1)%n:(i+1)%n+1])
	}
	return p[:n]
}

// Collateral comes and goes without the cores being computed anew.
func TestCollateralLeavesCoresAlone(t *testing.T) {
	g, p, r := grow(10)
	core := ring(g, p, r, 3)
	before, version := g.Cores(), g.CoresVersion()
	if len(before) != 1 || !slices.Equal(before[0], core) {
		t.Fatalf("cores %v, not %v", before, core)
	}
	// A tree of collateral, attached from the root and from the leaves.
	g.Block(p[3], 1, []Resource{r[0]})
	g.Block(p[4], 1, []Resource{r[3]})
	g.Block(p[6], 1, []Resource{r[5]})
	g.Block(p[5], 1, []Resource{r[4]})
	g.Hold(g.AddResource(), p[5])
	if g.DeadlockedCount() != 7 {
		t.Fatalf("%d deadlocked", g.DeadlockedCount())
	}
	g.Unblock(p[3])
	g.RemoveProcess(p[6])
	if g.DeadlockedCount() != 3 {
		t.Fatalf("%d deadlocked", g.DeadlockedCount())
	}
	if g.CoresVersion() != version {
		t.Error("collateral changed the version of the cores")
	}
	if after := g.Cores(); &after[0] != &before[0] {
		t.Error("the cores were computed anew")
	}
	g.Unblock(p[1])
	if g.CoresVersion() == version || len(g.Cores()) != 0 {
		t.Errorf("cores %v after one of them went on", g.Cores())
	}
	if !slices.Equal(before[0], core) {
		t.Error("what Cores returned has been modified")
	}
}

// Repeating what is known changes nothing.
func TestRepetition(t *testing.T) {
	g, p, r := grow(4)
	ring(g, p, r, 3)
	g.Cores()
	version := g.CoresVersion()
	g.Block(p[0], 1, []Resource{r[1]})
	g.Hold(r[1], p[1])
	g.Release(r[1], p[3])
	g.Unblock(p[3])
	if g.CoresVersion() != version || g.NumHolders(r[1]) != 1 || g.NumWaiters(r[1]) != 1 || g.DeadlockedCount() != 3 {
		t.Errorf("version %d (was %d), %d holders, %d waiters, %d deadlocked",
			g.CoresVersion(), version, g.NumHolders(r[1]), g.NumWaiters(r[1]), g.DeadlockedCount())
	}
	if err := g.checkInvariants(); err != nil {
		t.Error(err)
	}
}

// A chain of any length closes into a core without deep recursion.
func TestLongRing(t *testing.T) {
	const length = 200_000
	g, p, r := grow(length)
	core := ring(g, p, r, length)
	if cores := g.Cores(); len(cores) != 1 || !slices.Equal(cores[0], core) {
		t.Fatalf("%d cores, %d deadlocked", len(cores), g.DeadlockedCount())
	}
	g.Unblock(p[length/2])
	if g.DeadlockedCount() != 0 {
		t.Errorf("%d deadlocked", g.DeadlockedCount())
	}
}

func TestMisuse(t *testing.T) {
	g, p, r := grow(2)
	g.RemoveProcess(p[1])
	for name, f := range map[string]func(){
		"need 0":           func() { g.Block(p[0], 0, r) },
		"need too much":    func() { g.Block(p[0], 2, r[:1]) },
		"removed process":  func() { g.Unblock(p[1]) },
		"zero process":     func() { g.Unblock(0) },
		"no such resource": func() { g.Hold(Resource(len(r)+1), p[0]) },
		"held resource":    func() { g.RemoveResource(r[0]) },
		"waits for nobody": func() { g.Block(p[0], 1, []Resource{r[1], 0}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
				if err := g.checkInvariants(); err != nil {
					t.Error(fmt.Errorf("after the panic: %w", err))
				}
			}()
			f()
		})
	}
}
