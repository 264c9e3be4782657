package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/simulation"
)

// statement is one announcement of a confirmed verdict. It holds until the next
// one or the end of the verdict, and no longer than Bound: a verdict that stands
// is announced again more often.
type statement struct {
	*simulation.Said
	to     time.Duration
	broken time.Duration // when the first wait of its core ended: it is not about what comes then
}

// say adds an announcement, which takes the place of the one before.
func (v *Verdict) say(said *simulation.Said) {
	v.until(said.At)
	v.said = append(v.said, statement{Said: said, to: said.At + Bound})
}

// until ends the last statement.
func (v *Verdict) until(at time.Duration) {
	if n := len(v.said); n > 0 {
		v.said[n-1].to = min(v.said[n-1].to, at)
	}
}

// end notes how the verdict ended.
func (v *Verdict) end(said *simulation.Said) {
	v.until(said.At)
	v.over, v.Ended, v.Cause = true, said.At, cmp.Or(said.Verdict.Cause, string(said.Verdict.Status))
}

// about returns the processes that the statement names.
func (s *statement) about() []string {
	return slices.Concat(members(s.Verdict.Core), members(s.Verdict.Collateral))
}

// missed looks for processes that were deadlocked, certainly and undisturbed, for
// as long as Bound without a confirmed verdict about them.
func (r *Run) missed(certain runlog.History, disturbed []simulation.Window) {
	told := r.told()
	for _, name := range sortedKeys(certain) {
		for _, s := range certain[name] {
			from, to, ok := gap(s.From, min(s.To, r.Length), slices.Concat(told[name], disturbed))
			if ok {
				r.Missed = append(r.Missed, fmt.Sprintf("%s was deadlocked from %v to %v, and not told of from %v to %v",
					name, round(s.From), round(min(s.To, r.Length)), round(from), round(to)))
			}
		}
	}
}

// told returns when verdicts were about each process. Whoever is left out of a
// list that is too long is told of if he waits behind that core in truth.
func (r *Run) told() map[string][]simulation.Window {
	told := make(map[string][]simulation.Window)
	for i := range r.Verdicts {
		for k := range r.Verdicts[i].said {
			s := &r.Verdicts[i].said[k]
			names := s.about()
			if s.Verdict.CollateralCount > len(s.Verdict.Collateral) {
				names = append(names, runlog.Behind(r.Log, members(s.Verdict.Core), s.At)...)
			}
			for _, name := range names {
				told[name] = append(told[name], simulation.Window{From: s.At, To: min(s.to, s.broken)})
			}
		}
	}
	return told
}

// outlived looks for processes that a verdict was about, undisturbed, for as long
// as Bound while they were not deadlocked.
func (r *Run) outlived(v *Verdict, disturbed []simulation.Window) {
	core, behind := make(map[string][]simulation.Window), make(map[string][]simulation.Window)
	for i := range v.said {
		s := &v.said[i]
		w := simulation.Window{From: s.At, To: s.to}
		for _, name := range members(s.Verdict.Core) {
			core[name] = extend(core[name], w)
		}
		unsure := hearsay(&s.Verdict)
		for _, m := range s.Verdict.Collateral {
			if name := m.Key.Process; !unsure[m.Key] {
				behind[name] = extend(behind[name], w)
			}
		}
	}
	wrong := untrue(core, r.Truth, disturbed)
	if wrong == "" && untrue(behind, r.Truth, disturbed) != "" {
		// Only the members of a core are asked what became of their requests.
		wrong = untrue(behind, runlog.Seeming(r.Log), disturbed)
	}
	if wrong != "" {
		r.False = append(r.False, fmt.Sprintf("%s of %s: %s", v.Kind, crowd(members(v.Core)), wrong))
	}
}

// hearsay returns the processes behind a core that only the call chains of others
// tell of, which do not tell that they have gone on, and those that wait for them.
func hearsay(v *detector.Verdict) map[report.Key]bool {
	heard := make(map[report.Key]bool)
	unsure := func(key report.Key) bool { return heard[key] }
	for before := -1; before != len(heard); {
		before = len(heard)
		for _, m := range v.Collateral {
			if slices.ContainsFunc(m.Waits, func(e detector.Edge) bool {
				return e.Since.IsZero() || slices.ContainsFunc(e.Holders, unsure)
			}) {
				heard[m.Key] = true
			}
		}
	}
	return heard
}

// untrue words what is wrong with a verdict about processes at some times.
func untrue(about map[string][]simulation.Window, h runlog.History, disturbed []simulation.Window) string {
	for _, name := range slices.Sorted(maps.Keys(about)) {
		excused := slices.Clone(disturbed)
		for _, s := range h[name] {
			excused = append(excused, simulation.Window{From: s.From, To: s.To})
		}
		for _, w := range about[name] {
			if from, to, ok := gap(w.From, w.To, excused); ok {
				return fmt.Sprintf("it was about %s from %v to %v, which was not deadlocked", name, round(from), round(to))
			}
		}
	}
	return ""
}

// extend adds a window to others, none of which begins later.
func extend(all []simulation.Window, w simulation.Window) []simulation.Window {
	if n := len(all); n > 0 && all[n-1].To >= w.From {
		all[n-1].To = max(all[n-1].To, w.To)
		return all
	}
	return append(all, w)
}

// gap returns the first part of a window, of Bound or longer, that others leave
// uncovered. One without an extent parts the time before it from that after it.
func gap(from, to time.Duration, covers []simulation.Window) (begin, end time.Duration, ok bool) {
	slices.SortFunc(covers, func(a, b simulation.Window) int { return cmp.Compare(a.From, b.From) })
	for _, c := range covers {
		if c.To < from || c.To < c.From {
			continue
		}
		if min(c.From, to)-from >= Bound {
			return from, min(c.From, to), true
		}
		from = c.To
	}
	return from, to, to-from >= Bound
}

// ends returns when the waits of each process ended.
func ends(log runlog.Log) map[string][]time.Duration {
	ends := make(map[string][]time.Duration)
	for _, e := range log {
		if e.Kind == runlog.End {
			ends[e.Process] = append(ends[e.Process], e.At)
		}
	}
	return ends
}

// firstEnd returns when the first of the waits ended in which processes were at
// an instant.
func firstEnd(ends map[string][]time.Duration, processes []string, at time.Duration) time.Duration {
	first := runlog.Forever
	for _, name := range processes {
		if i := slices.IndexFunc(ends[name], func(end time.Duration) bool { return end > at }); i >= 0 {
			first = min(first, ends[name][i])
		}
	}
	return first
}
