package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

// Bound is how long a deadlock may stand, with a network that works, before it
// counts as missed if it is not confirmed.
const Bound = 3 * time.Second

// Mistake is something that the detector got wrong.
type Mistake struct {
	At   time.Duration // since the begin of the world
	What string
}

func (m Mistake) String() string { return fmt.Sprintf("at %v: %s", m.At, m.What) }

// Score sums up one run.
type Score struct {
	Seed       uint64
	Events     uint64 // steps of programs, messages, deaths: no timers that find nothing to do
	Deadlocked int    // processes that came to be deadlocked
	Stood      int    // of them: provably, with a network that works, for longer than Bound
	Suspected  int    // verdicts, by the steps of their lives
	Confirmed  int
	Retracted  int
	Resolved   int
	// Contradicted verdicts are those that the detector itself takes back.
	Contradicted int
	// Unknowable verdicts were confirmed and are wrong, in a way that nobody
	// can know: see horizon.
	Unknowable []Mistake
	Phantoms   []Mistake
	Misses     []Mistake
	// Lapses are verdicts that tell of what is over, or end before it is.
	Lapses []Mistake
	// Delays are from the instant at which all of a core was provably deadlocked
	// to its confirmation, where no verdict was about them before, nothing was
	// in the way of reports in between and the detector had not just begun.
	Delays []time.Duration
	Scene  string // the world at the first mistake
}

// Wrong reports whether the detector broke one of its promises.
func (s *Score) Wrong() bool { return len(s.Phantoms)+len(s.Misses)+len(s.Lapses) > 0 }

func (w *world) mistake(list *[]Mistake, what string) {
	*list = append(*list, Mistake{w.now.Sub(begin), what})
	if w.score.Wrong() && w.score.Scene == "" {
		w.score.Scene = w.scene()
	}
}

// expect checks, whenever the bound has passed, that the detector tells of a
// provable deadlock. It is then broken after a while, so that the world goes on. The
// bound begins anew when the core on which it hangs has changed: while the next
// verdict is asked about there is none.
func (w *world) expect(p *process) {
	since := w.truth.since[p.index]
	stands := func() bool { return w.truth.since[p.index].Equal(since) }
	stood := false
	var check func()
	check = func() {
		if !stands() {
			return
		}
		if still := w.still(); still < Bound {
			w.timer(Bound-still+time.Millisecond, check)
			return
		}
		what := w.lacks(p)
		if silence := w.now.Sub(w.truth.told[p.index]); what != "" && silence < Bound {
			w.timer(Bound-silence, check)
			return
		}
		if what != "" {
			w.mistake(&w.score.Misses, what)
		}
		if !stood {
			stood = true
			w.score.Stood++
			w.after(w.around(cmp.Or(w.opt.Standing, time.Second)), func() {
				if stands() {
					p.crash()
				}
			})
		}
		w.timer(Bound, check)
	}
	w.timer(Bound, check)
}

// still returns for how long nothing has been in the way of reports, nor anything
// changed about deadlocked processes one of which waits for space in a queue: it takes
// two refusals to confirm them as they are.
func (w *world) still() time.Duration {
	return min(w.now.Sub(w.net.calmSince()), w.now.Sub(w.truth.shifted))
}

// lacks says what the detector does not know of a deadlocked process, if
// anything.
func (w *world) lacks(p *process) string {
	_, isTold := allTold(w.confirmedNow())[p.epochKey()]
	for _, q := range w.net.detector.Snapshot().Processes {
		switch {
		case q.Key != p.id.Key():
		case !q.Deadlocked:
			return fmt.Sprintf("%v is deadlocked and not seen as such", p)
		case !isTold:
			return fmt.Sprintf("%v is deadlocked and no confirmed verdict is about it", p)
		default:
			return ""
		}
	}
	return fmt.Sprintf("%v is deadlocked and the detector does not know it", p)
}

// announced scores one step of a verdict.
func (w *world) announced(a *detector.Announce) {
	v := &a.Verdict
	if a.Again {
		return
	}
	switch v.Status {
	case detector.Suspected:
		w.score.Suspected++
	case detector.Retracted:
		w.score.Retracted++
	case detector.Resolved:
		w.score.Resolved++
		if v.Contradicted {
			w.score.Contradicted++
		}
		w.resolved(v)
	case detector.Confirmed:
		w.score.Confirmed++
		w.confirmed(v)
	}
}

// confirmed holds a confirmed verdict against the truth.
func (w *world) confirmed(v *detector.Verdict) {
	switch {
	case w.truth.together(v.Core, v.Proof.Begun):
		from, fresh := w.truth.closed(v.Core)
		if fresh && v.Confirmed.Equal(w.now) && !from.Before(w.net.calmSince()) && from.Sub(w.net.born) >= youth {
			w.score.Delays = append(w.score.Delays, w.now.Sub(from))
		}
	case w.seems(v):
		w.mistake(&w.score.Unknowable, describe(v))
		w.watch.excuse(v)
	default:
		w.mistake(&w.score.Phantoms, describe(v))
	}
}

// youth is how long a detector that has begun waits for agents that it has not
// heard.
var youth = detector.DefaultConfig().Lease / 2

// together reports whether all members were deadlocked at one instant since begun.
func (t *truth) together(members []detector.Member, begun time.Time) bool {
	for _, m := range members {
		for _, i := range t.history[epochOf(&m)] {
			if at := i.from; !at.Before(begun) && t.allDead(members, at) {
				return true
			}
		}
	}
	return t.allDead(members, begun)
}

// closed returns the instant since which all members have been deadlocked,
// provably, and whether that is news of each: what was collateral of one core
// may become another.
func (t *truth) closed(members []detector.Member) (from time.Time, fresh bool) {
	for _, m := range members {
		i := t.w.find(epochOf(&m))
		if i < 0 || t.since[i].IsZero() || !t.told[i].Before(t.since[i]) {
			return time.Time{}, false
		}
		if t.since[i].After(from) {
			from = t.since[i]
		}
	}
	return from, true
}

func (t *truth) allDead(members []detector.Member, at time.Time) bool {
	for _, m := range members {
		dead := false
		for _, i := range t.history[epochOf(&m)] {
			dead = dead || i.includes(at)
		}
		if !dead {
			return false
		}
	}
	return true
}

// seems reports whether all members are deadlocked as far as anyone alive can
// tell, or were so when the broker counted a queue for the verdict.
func (w *world) seems(v *detector.Verdict) bool {
	counts, now := w.horizon.counted[v.Proof.Round], w.seeming()
	return now.explains(v, counts) ||
		slices.ContainsFunc(counts, func(c counted) bool { return c.explains(v, counts) })
}

func describe(v *detector.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", v.Status, v.Kind, v.ID)
	for _, m := range v.Core {
		fmt.Fprintf(&b, " %s#%d", m.Key.Process, m.Epoch)
	}
	return b.String()
}
