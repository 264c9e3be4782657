package detector_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The theorem of one-shot replies (docs/theory.md): in a system of
// single-threaded processes that call each other, take of each process a state
// recorded at any time whatever. If these states form a cycle of waits, none of
// the replies in it was or will be given.
//
// The tests play random systems to their end, put together states from all over
// their history, and compare every cycle with what became of its replies. The
// exceptions are tested too: with waits that are cancelled, and with locks
// whose names are used again, such cycles do come about that never were
// deadlocks, which is why the detector asks.

// past is one recorded state of a blocked process.
type past struct {
	process int
	waits   int   // the resource
	holds   []int // resources
}

// toy is a system of single-threaded processes.
type toy struct {
	rng      *rand.Rand
	procs    []*toyProc
	owner    []int // of each resource so far: its waiter
	resolved map[int]bool
	history  [][]past // by process
	cancels  bool
	locks    []int // the holder of each lock, -1 if free; lock i is resource -1-i
}

type toyProc struct {
	inbox []int // replies owed, the first is being worked on
	waits int   // 0 if it is not blocked
	locks []int
}

func newToy(seed uint64, cancels bool, locks int) *toy {
	t := &toy{
		rng: rand.New(rand.NewPCG(seed, 1)), resolved: map[int]bool{},
		owner: []int{-1}, cancels: cancels,
	}
	for range 2 + t.rng.IntN(4) {
		t.procs = append(t.procs, &toyProc{})
	}
	for range locks {
		t.locks = append(t.locks, -1)
	}
	t.history = make([][]past, len(t.procs))
	return t
}

// play runs random steps until nothing moves or enough has.
func (t *toy) play() {
	for range 200 {
		t.step(t.rng.IntN(len(t.procs)))
	}
}

func (t *toy) step(i int) {
	p := t.procs[i]
	if p.waits != 0 {
		if t.cancels && t.rng.IntN(10) == 0 {
			p.waits = 0
		}
		return
	}
	switch n := t.rng.IntN(6); {
	case n < 2 && len(p.inbox) > 0 && len(p.locks) == 0:
		t.reply(p)
	case n < 4 && (len(p.inbox) > 0 || t.rng.IntN(4) == 0):
		t.call(i, t.rng.IntN(len(t.procs)))
	case len(t.locks) > 0 && n == 4:
		t.lock(i, t.rng.IntN(len(t.locks)))
	case len(p.locks) > 0:
		t.unlock(p)
	}
}

func (t *toy) call(i, j int) {
	r := len(t.owner)
	t.owner = append(t.owner, i)
	t.procs[i].waits = r
	t.procs[j].inbox = append(t.procs[j].inbox, r)
	t.record(i)
	t.record(j)
}

func (t *toy) reply(p *toyProc) {
	r := p.inbox[0]
	p.inbox = p.inbox[1:]
	t.resolved[r] = true
	if w := t.procs[t.owner[r]]; w.waits == r {
		w.waits = 0
	}
}

func (t *toy) lock(i, l int) {
	if t.locks[l] < 0 {
		t.locks[l] = i
		t.procs[i].locks = append(t.procs[i].locks, l)
		return
	}
	t.procs[i].waits = -1 - l
	t.record(i)
}

func (t *toy) unlock(p *toyProc) {
	l := p.locks[0]
	p.locks = p.locks[1:]
	t.locks[l] = -1
	for i, w := range t.procs {
		if w.waits == -1-l {
			w.waits, t.locks[l] = 0, i
			w.locks = append(w.locks, l)
			return
		}
	}
}

// record notes the state of a process, if it is blocked.
func (t *toy) record(i int) {
	p := t.procs[i]
	if p.waits == 0 {
		return
	}
	s := past{process: i, waits: p.waits, holds: append([]int(nil), p.inbox...)}
	for _, l := range p.locks {
		s.holds = append(s.holds, -1-l)
	}
	t.history[i] = append(t.history[i], s)
}

// cycle looks for a cycle in states picked at random from the history, one of
// each process, and returns them in order.
func (t *toy) cycle() []past {
	picked := make([]*past, len(t.procs))
	holder := map[int]int{}
	for i, h := range t.history {
		if len(h) > 0 {
			picked[i] = &h[t.rng.IntN(len(h))]
			for _, r := range picked[i].holds {
				holder[r] = i
			}
		}
	}
	i := t.rng.IntN(len(t.procs))
	for range picked {
		if picked[i] == nil {
			return nil
		}
		next, held := holder[picked[i].waits]
		if !held {
			return nil
		}
		i = next
	}
	var cycle []past // i is on a cycle by now
	for j := i; len(cycle) == 0 || j != i; j = holder[picked[j].waits] {
		cycle = append(cycle, *picked[j])
	}
	return cycle
}

// real reports whether the processes of a cycle are still blocked at the end
// of the history, each on the very resource of the cycle.
func (t *toy) real(cycle []past) bool {
	for _, s := range cycle {
		if t.procs[s.process].waits != s.waits || t.resolved[s.waits] {
			return false
		}
	}
	return true
}

// cycles plays many systems and returns how many cycles were put together and
// the first that was no deadlock.
func cycles(systems int, cancels bool, locks int) (n int, phantom string) {
	for seed := range uint64(systems) {
		t := newToy(seed, cancels, locks)
		t.play()
		for range 20 {
			c := t.cycle()
			if c == nil {
				continue
			}
			n++
			if phantom == "" && !t.real(c) {
				phantom = fmt.Sprintf("seed %d: %+v", seed, c)
			}
		}
	}
	return n, phantom
}

func TestTheoremOfOneShotReplies(t *testing.T) {
	n, phantom := cycles(20_000, false, 0)
	if n < 1000 {
		t.Fatalf("only %d cycles came about: the test shows nothing", n)
	}
	if phantom != "" {
		t.Errorf("a cycle of replies that was no deadlock: %s", phantom)
	}
}

func TestTheoremNeedsItsConditions(t *testing.T) {
	for _, c := range []struct {
		name    string
		cancels bool
		locks   int
	}{{"waits that are cancelled", true, 0}, {"names that are used again", false, 2}} {
		if _, phantom := cycles(20_000, c.cancels, c.locks); phantom == "" {
			t.Errorf("%s made no phantom: the asking would not be needed", c.name)
		}
	}
}
