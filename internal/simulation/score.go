package simulation

import (
	"fmt"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
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
	// Delays are from the instant at which all of a core was deadlocked to
	// its confirmation, where nothing was in the way of reports in between.
	Delays []time.Duration
	Scene  string // the world at the first phantom or miss
}

// Wrong reports whether the detector broke one of its promises.
func (s *Score) Wrong() bool { return len(s.Phantoms)+len(s.Misses) > 0 }

func (w *world) mistake(list *[]Mistake, what string) {
	*list = append(*list, Mistake{w.now.Sub(begin), what})
	if w.score.Wrong() && w.score.Scene == "" {
		w.score.Scene = w.scene()
	}
}

// expect checks, once the bound has passed, that the detector knows of a
// provable deadlock. It is then broken, so that the world goes on.
func (w *world) expect(p *process) {
	since := w.truth.since[p.index]
	var check func()
	check = func() {
		if !w.truth.since[p.index].Equal(since) {
			return
		}
		if calm := w.now.Sub(w.net.calmSince()); calm < Bound {
			w.timer(Bound-calm+time.Millisecond, check)
			return
		}
		w.score.Stood++
		if what := w.lacks(p); what != "" {
			w.mistake(&w.score.Misses, what)
		}
		w.after(w.around(time.Second), func() {
			if w.truth.since[p.index].Equal(since) {
				p.crash()
			}
		})
	}
	w.timer(Bound, check)
}

// lacks says what the detector does not know of a deadlocked process, if
// anything.
func (w *world) lacks(p *process) string {
	for _, q := range w.net.detector.Snapshot().Processes {
		switch {
		case q.Key != p.id.Key():
		case !q.Deadlocked:
			return fmt.Sprintf("%v is deadlocked and not seen as such", p)
		case !w.told(q.Key):
			return fmt.Sprintf("%v is deadlocked and no confirmed verdict is about it", p)
		default:
			return ""
		}
	}
	return fmt.Sprintf("%v is deadlocked and the detector does not know it", p)
}

// told reports whether a standing verdict that is confirmed is about a process.
func (w *world) told(k report.Key) bool {
	for _, v := range w.net.detector.Verdicts() {
		if v.Status != detector.Confirmed {
			continue
		}
		for _, m := range append(v.Core, v.Collateral...) {
			if m.Key == k {
				return true
			}
		}
		if v.CollateralCount > len(v.Collateral) {
			return true // as far as the list goes
		}
	}
	return false
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
	case detector.Confirmed:
		w.score.Confirmed++
		w.confirmed(v)
	}
}

// confirmed holds a confirmed verdict against the truth.
func (w *world) confirmed(v *detector.Verdict) {
	from, ok := w.truth.together(v.Core)
	switch {
	case ok:
		if first := v.Confirmed.Equal(w.now); first && !from.Before(w.net.calmSince()) {
			w.score.Delays = append(w.score.Delays, w.now.Sub(from))
		}
	case w.seems(v.Core):
		w.mistake(&w.score.Unknowable, describe(v))
	default:
		w.mistake(&w.score.Phantoms, describe(v))
	}
}

// together returns the first instant at which all members were deadlocked.
func (t *truth) together(members []detector.Member) (first time.Time, ok bool) {
	for _, m := range members {
		for _, i := range t.history[epochKey{m.Key, m.Epoch}] {
			if t.allDead(members, i.from) && (!ok || i.from.Before(first)) {
				first, ok = i.from, true
			}
		}
	}
	return first, ok
}

func (t *truth) allDead(members []detector.Member, at time.Time) bool {
	for _, m := range members {
		dead := false
		for _, i := range t.history[epochKey{m.Key, m.Epoch}] {
			dead = dead || i.includes(at)
		}
		if !dead {
			return false
		}
	}
	return true
}

// seems reports whether all members are deadlocked as far as anyone alive can
// tell.
func (w *world) seems(members []detector.Member) bool {
	dead := make(map[epochKey]bool)
	for i, left := range w.deadlocked(apparent) {
		if p := w.procs[i]; left && p.watched {
			dead[p.epochKey()] = true
		}
	}
	for _, m := range members {
		if !dead[epochKey{m.Key, m.Epoch}] {
			return false
		}
	}
	return true
}

func describe(v *detector.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", v.Status, v.Kind, v.ID)
	for _, m := range v.Core {
		fmt.Fprintf(&b, " %s#%d", m.Key.Process, m.Epoch)
	}
	return b.String()
}
