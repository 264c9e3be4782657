package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/simulation"
)

// Run is what happened when a scenario was played, and what is to be said of it.
type Run struct {
	Seed       uint64
	Length     time.Duration
	Terminated bool      // every session came to an end and nobody was left waiting
	Deadlocked bool      // in truth, at some time
	Verdicts   []Verdict // confirmed ones, in the order of their confirmations
	Crashes    []simulation.Crash
	Missed     []string // deadlocks that no verdict told of in time
	False      []string // verdicts about what was no deadlock
	Unexpected []string // how it differs from what the scenario expects
	Log        runlog.Log
	Truth      runlog.History
}

// Passed reports whether the run is as it was expected, and the detector right.
func (r *Run) Passed() bool { return len(r.Missed)+len(r.False)+len(r.Unexpected) == 0 }

// Verdict is a verdict that was confirmed.
type Verdict struct {
	detector.Verdict               // as last announced while it was confirmed
	At               time.Duration // of its confirmation
	Formed           time.Duration // when its core was deadlocked in truth; -1 if it never was
	Cause            string        // how it ended; empty if it did not
	Ended            time.Duration
	over             bool
	said             []statement
}

// Bound is how long a deadlock may stand without a confirmed verdict about each
// of its processes while nothing is in the way of reports.
const Bound = simulation.Bound

// Judge says of a record of a scenario, however it was played, what is to be
// said of it. The truth is that of the record's own log.
func Judge(s *Scenario, seed uint64, rec simulation.Record) *Run {
	truth, certain := runlog.Replay(rec.Log)
	r := &Run{
		Seed: seed, Length: rec.Length, Crashes: rec.Crashes, Log: rec.Log, Truth: truth,
		Deadlocked: len(truth) > 0, Terminated: terminated(s, &rec), Verdicts: verdicts(&rec),
	}
	if rec.Endless {
		r.Unexpected = append(r.Unexpected, "the run does not end: too much happens in it")
	}
	ends := ends(rec.Log)
	for i := range r.Verdicts {
		r.check(&r.Verdicts[i], ends)
		r.outlived(&r.Verdicts[i], rec.Disturbed)
	}
	r.missed(certain, rec.Disturbed)
	r.compare(&s.Expect)
	return r
}

// terminated reports whether every session is over and nobody waits.
func terminated(s *Scenario, rec *simulation.Record) bool {
	over := len(rec.Done)
	for _, c := range rec.Crashes {
		if slices.ContainsFunc(s.Sessions, func(s Session) bool { return s.Name == c.Process }) {
			over++
		}
	}
	waiting := make(map[string]bool)
	for _, e := range rec.Log {
		switch e.Kind {
		case runlog.Begin:
			waiting[e.Process] = true
		case runlog.End:
			delete(waiting, e.Process)
		}
	}
	return over >= len(s.Sessions) && len(waiting) == 0
}

// verdicts gathers the announcements of each confirmed verdict.
func verdicts(rec *simulation.Record) []Verdict {
	at := make(map[string]int)
	var all []Verdict
	for i := range rec.Verdicts {
		said := &rec.Verdicts[i]
		n, known := at[said.Verdict.ID]
		switch {
		case said.Verdict.Status == detector.Confirmed && !known:
			at[said.Verdict.ID] = len(all)
			n = len(all)
			all = append(all, Verdict{At: said.At})
			fallthrough
		case said.Verdict.Status == detector.Confirmed:
			all[n].Verdict = said.Verdict
			all[n].say(said)
		case known && said.Verdict.Status.Ended():
			all[n].end(said)
			delete(at, said.Verdict.ID)
		}
	}
	for i := range all {
		if v := &all[i]; !v.over {
			v.until(rec.Length)
		}
	}
	return all
}

// check holds a verdict against the truth: its core, as it was each time that it
// was confirmed, was deadlocked together after the youngest of its waits began and
// before that was announced.
func (r *Run) check(v *Verdict, ends map[string][]time.Duration) {
	v.Formed = -1
	var proven struct {
		by *proof.Proof
		at time.Duration // when it was first announced, which may lag behind
	}
	for i := range v.said {
		said := &v.said[i]
		if said.Again && i > 0 {
			said.broken = v.said[i-1].broken
			continue
		}
		if p := said.Verdict.Proof; proven.by != p {
			proven.by, proven.at = p, said.At
		}
		since, core := proven.by.Concluded.Sub(said.Verdict.Since), members(said.Verdict.Core)
		from, ok := r.Truth.Together(core, max(0, proven.at-since), said.At)
		if !ok {
			r.False = append(r.False, fmt.Sprintf("at %v: %s of %s, which was none", round(said.At), v.Kind, crowd(core)))
			from = said.At
		} else if v.Formed < 0 {
			v.Formed = from
		}
		said.broken = firstEnd(ends, core, from)
	}
}

func members(of []detector.Member) (names []string) {
	for _, m := range of {
		names = append(names, m.Key.Process)
	}
	return names
}

// compare holds the run against what the scenario expects.
func (r *Run) compare(e *Expectation) {
	differs := func(format string, args ...any) {
		r.Unexpected = append(r.Unexpected, fmt.Sprintf(format, args...))
	}
	if e.Outcome == Silence && r.Deadlocked {
		differs("silence was expected, and there was a deadlock of %s", crowd(sortedKeys(r.Truth)))
	}
	if e.Outcome == Either {
		return
	}
	left := slices.Clone(e.Verdicts)
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.Cause == detector.CauseMerged {
			continue
		}
		n := slices.IndexFunc(left, func(e Expected) bool { return e.is(v) })
		if n < 0 {
			differs("not expected: %s of %s behind which %s", v.Kind, crowd(members(v.Core)), cmp.Or(crowd(members(v.Collateral)), "is nobody"))
			continue
		}
		for _, what := range left[n].differs(v) {
			differs("%s of %s: %s", v.Kind, crowd(members(v.Core)), what)
		}
		left = slices.Delete(left, n, n+1)
	}
	for _, e := range left {
		differs("there was no %v", e)
	}
}

// is reports whether a verdict is the one that is meant.
func (e Expected) is(v *Verdict) bool {
	return e.Kind == string(v.Kind) && fits(e.Core, members(v.Core))
}

// differs says what of a verdict is not as it was expected.
func (e Expected) differs(v *Verdict) (what []string) {
	if e.Listed && !fits(e.Behind, members(v.Collateral)) {
		what = append(what, fmt.Sprintf("behind it %s, not %s", cmp.Or(crowd(members(v.Collateral)), "nobody"), list(e.Behind)))
	}
	if e.Within > 0 && v.Formed >= 0 && v.At-v.Formed > e.Within {
		what = append(what, fmt.Sprintf("confirmed %v after it formed, not within %v", round(v.At-v.Formed), e.Within))
	}
	if e.At != (Window{}) && (v.At < e.At.From || v.At > e.At.To) {
		what = append(what, fmt.Sprintf("confirmed at %v, not from %v to %v", round(v.At), e.At.From, e.At.To))
	}
	if e.Resolved != "" && e.Resolved != v.Cause {
		what = append(what, fmt.Sprintf("it ended by %s, not by %s", cmp.Or(v.Cause, "nothing"), e.Resolved))
	}
	return what
}

// fits reports whether processes are those of the crowds, all of them and no
// others. The more exact a name is, the sooner it is served.
func fits(crowds []Crowd, names []string) bool {
	crowds, names = slices.Clone(crowds), slices.Clone(names)
	slices.SortStableFunc(crowds, func(a, b Crowd) int { return len(b.Name) - len(a.Name) })
	for _, c := range crowds {
		for range c.Count {
			i := slices.IndexFunc(names, c.Includes)
			if i < 0 {
				return false
			}
			names = slices.Delete(names, i, i+1)
		}
	}
	return len(names) == 0
}

// String returns the verdict that is expected, as in a file.
func (e Expected) String() string { return fmt.Sprintf("%s of %s", e.Kind, list(e.Core)) }

func list(crowds []Crowd) string {
	var words []string
	for _, c := range crowds {
		words = append(words, c.String())
	}
	return cmp.Or(strings.Join(words, ", "), "nobody")
}

// String returns the crowd as it is written in a file.
func (c Crowd) String() string {
	if c.Count == 1 {
		return c.Name
	}
	return fmt.Sprintf("%s*%d", c.Name, c.Count)
}

// crowd words a list of processes, which may be long.
func crowd(names []string) string {
	if more := len(names) - 8; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:8], ", "), more)
	}
	return strings.Join(names, ", ")
}

func sortedKeys(h runlog.History) []string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// round keeps a time readable.
func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
