package simulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// watch looks from time to time at what the detector tells of, and holds it to
// that for as long as it stands: a confirmed verdict ends when its core does, it
// lists as collateral who waits behind the core, and who is part of a core is told
// of as such. What the detector cannot have heard yet it may tell for Bound.
type watch struct {
	w     *world
	free  map[claim]finding     // who is told of and not deadlocked
	cores map[*process]coreSeen // of those in a core, as last looked at
	// excused are verdicts that nobody could know to be wrong. Nor can it be known
	// that they are over.
	excused map[claim]bool
}

// claim is what a verdict says of one process, or of nobody: the verdict itself.
type claim struct {
	life    int // of the detector
	verdict string
	who     epochKey
}

type finding struct {
	since  time.Time
	scored bool
}

// coreSeen is the core that a process belongs to.
type coreSeen struct {
	members string
	finding
}

func newWatch(w *world) *watch { return &watch{w: w, excused: make(map[claim]bool)} }

func (o *watch) excuse(v *detector.Verdict) {
	if o != nil {
		o.excused[claim{life: o.w.net.life, verdict: v.ID}] = true
	}
}

// allTold returns the processes that verdicts are about, and whether as part of a core.
func allTold(verdicts []detector.Verdict) map[epochKey]bool {
	all := make(map[epochKey]bool)
	for _, v := range verdicts {
		for _, m := range v.Collateral {
			all[epochOf(&m)] = false
		}
	}
	for _, v := range verdicts {
		for _, m := range v.Core {
			all[epochOf(&m)] = true
		}
	}
	return all
}

// confirmedNow returns the verdicts that stand and are confirmed.
func (w *world) confirmedNow() []detector.Verdict {
	return slices.DeleteFunc(w.net.detector.Verdicts(), func(v detector.Verdict) bool { return v.Status != detector.Confirmed })
}

func epochOf(m *detector.Member) epochKey { return epochKey{m.Key, m.Epoch} }

// listen looks, and takes note of who is told of.
func (o *watch) listen() {
	verdicts := o.w.confirmedNow()
	o.hear(allTold(verdicts))
	o.overdue(verdicts)
	o.w.timer(100*time.Millisecond, o.listen)
}

// hear notes who is told of, and in what core those are who should be.
func (o *watch) hear(all map[epochKey]bool) {
	w := o.w
	before := o.cores
	o.cores = make(map[*process]coreSeen)
	if !slices.ContainsFunc(w.truth.since, func(at time.Time) bool { return !at.IsZero() }) {
		return
	}
	for _, c := range w.cores() {
		o.look(c, all, before)
	}
	for i, p := range w.procs {
		if w.truth.since[i].IsZero() {
			continue
		}
		if _, ok := all[p.epochKey()]; ok {
			w.truth.told[i] = w.now
		}
	}
}

// look looks for members of a core of whom no confirmed verdict says that they are.
// The bound begins anew whenever the core changes.
func (o *watch) look(core []*process, all map[epochKey]bool, before map[*process]coreSeen) {
	var name strings.Builder
	for _, p := range core {
		fmt.Fprint(&name, p.epochKey())
	}
	for _, p := range core {
		seen := before[p]
		if seen.members != name.String() || all[p.epochKey()] {
			seen = coreSeen{name.String(), finding{since: o.w.now}}
		}
		if o.w.still() >= Bound && o.due(&seen.finding) {
			o.w.mistake(&o.w.score.Misses, fmt.Sprintf("%v is part of a core and no confirmed verdict says so", p))
		}
		o.cores[p] = seen
	}
}

// due reports, once, whether a finding has stood for Bound in calm.
func (o *watch) due(f *finding) bool {
	w := o.w
	if f.scored || w.now.Sub(f.since) < Bound || w.now.Sub(w.net.calmSince()) < Bound {
		return false
	}
	f.scored = true
	return true
}

// overdue looks for what confirmed verdicts tell although it is over.
func (o *watch) overdue(verdicts []detector.Verdict) {
	before := o.free
	o.free = make(map[claim]finding)
	if len(verdicts) == 0 {
		return
	}
	w := o.w
	dead, waiting := w.deadlocked(tenable), w.deadlocked(loose)
	for i := range verdicts {
		v := &verdicts[i]
		if o.excused[claim{life: w.net.life, verdict: v.ID}] {
			continue
		}
		core := w.among(v.Core, dead)
		behind := w.behind(core, waiting)
		for _, m := range v.Core {
			o.find(before, v, &m, core, "core")
		}
		for _, m := range v.Collateral {
			o.find(before, v, &m, behind, "collateral")
		}
	}
}

// find notes that a member is not in the part of a verdict in which it is listed.
func (o *watch) find(before map[claim]finding, v *detector.Verdict, m *detector.Member, part set, name string) {
	w := o.w
	if i := w.find(epochOf(m)); i >= 0 && part[i] {
		return
	}
	c := claim{w.net.life, v.ID, epochOf(m)}
	f, was := before[c]
	if !was {
		f.since = w.now
	}
	if o.due(&f) && (name == "core" || !w.hearsay()[m.Key]) {
		w.mistake(&w.score.Lapses, fmt.Sprintf("%s: %s#%d is told of in the %s and not in it", describe(v), m.Key.Process, m.Epoch, name))
	}
	o.free[c] = f
}

// hearsay returns who may have gone on for all the detector can know: those of whom
// it knows from call chains alone, until their deadline by clocks that disagree, and
// those who wait for them.
func (w *world) hearsay() map[report.Key]bool {
	const disagree = 10 * time.Second
	lasts := func(e detector.Edge) bool { return e.Deadline.IsZero() || e.Deadline.Add(disagree).After(w.now) }
	of := make(map[report.Key]bool)
	all := w.net.detector.Snapshot().Processes
	for _, p := range all {
		if p.Hint && slices.ContainsFunc(p.Waits, lasts) {
			of[p.Key] = true
		}
	}
	rests := func(e detector.Edge) bool {
		return slices.ContainsFunc(e.Holders, func(k report.Key) bool { return of[k] })
	}
	for again := true; again; {
		again = false
		for _, p := range all {
			if !of[p.Key] && slices.ContainsFunc(p.Waits, rests) {
				of[p.Key], again = true, true
			}
		}
	}
	return of
}

// find returns the index of the process that is in a wait epoch, -1 if it is over.
func (w *world) find(k epochKey) int {
	return slices.IndexFunc(w.procs, func(p *process) bool { return p.watched && p.blocked != nil && p.epochKey() == k })
}

// among returns those members that are deadlocked.
func (w *world) among(members []detector.Member, dead set) set {
	in := make(set, len(w.procs))
	for _, m := range members {
		if i := w.find(epochOf(&m)); i >= 0 {
			in[i] = dead[i]
		}
	}
	return in
}

// resolved checks that a confirmed verdict that has ended was over: Bound later its
// core is not deadlocked any more, or told of anew.
func (w *world) resolved(v *detector.Verdict) {
	if v.Confirmed.IsZero() || v.Cause == detector.CauseMerged {
		return
	}
	at, since := w.now, make(map[int]time.Time)
	for _, m := range v.Core {
		i := w.find(epochOf(&m))
		if i < 0 || w.truth.since[i].IsZero() {
			return
		}
		since[i] = w.truth.since[i]
	}
	what := describe(v)
	var check func()
	check = func() {
		silent := false
		for i := range since {
			if !w.truth.since[i].Equal(since[i]) {
				return
			}
			silent = silent || !w.truth.told[i].After(at)
		}
		if still := w.still(); silent && still < Bound {
			w.timer(Bound-still+time.Millisecond, check)
		} else if silent {
			w.mistake(&w.score.Lapses, what+" ended and its core stands")
		}
	}
	w.timer(Bound, check)
}
