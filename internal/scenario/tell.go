package scenario

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo/timeline"
	"github.com/waitgraph/waitgraph/internal/runlog"
)

// String says what is expected.
func (e *Expectation) String() string {
	if e.Outcome != Verdicts {
		return map[Outcome]string{Silence: "silence", Either: "whatever is true"}[e.Outcome]
	}
	var words []string
	for _, v := range e.Verdicts {
		words = append(words, v.String())
	}
	return strings.Join(words, "; ")
}

// Write tells what happened in a run against what the scenario expects.
func (r *Run) Write(w io.Writer, s *Scenario) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s, seed %d: %s", s.Name, r.Seed, s.Proves)
	line("  expected  %v", &s.Expect)
	for i := range r.Verdicts {
		line("  %s", r.Verdicts[i].line())
	}
	for _, c := range r.Crashes {
		line("  %-9v %s crashed", round(c.At), c.Process)
	}
	line("  in truth  %s; %s", r.true(), r.end())
	for _, m := range r.Missed {
		line("  MISSED    %s", m)
	}
	for _, f := range r.False {
		line("  FALSE     %s", f)
	}
	for _, u := range r.Unexpected {
		line("  OTHERWISE %s", u)
	}
	if r.Passed() {
		line("  as expected")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write run: %w", err)
	}
	return nil
}

func (v *Verdict) line() string {
	s := fmt.Sprintf("%-9v confirmed: %s of %s", round(v.At), v.Kind, crowd(members(v.Core)))
	if v.Formed >= 0 {
		s += fmt.Sprintf(", %v after it formed", round(v.At-v.Formed))
	}
	if len(v.Collateral) > 0 {
		s += "; behind it " + crowd(members(v.Collateral))
	}
	if v.Cause != "" {
		s += fmt.Sprintf("; ended at %v: %s", round(v.Ended), v.Cause)
	}
	return s
}

func (r *Run) true() string {
	if !r.Deadlocked {
		return "no deadlock"
	}
	return "deadlocked: " + crowd(sortedKeys(r.Truth))
}

func (r *Run) end() string {
	if r.Terminated {
		return fmt.Sprintf("all sessions came to an end, after %v", round(r.Length))
	}
	return fmt.Sprintf("not all sessions came to an end within %v", round(r.Length))
}

// maxLanes is how many processes a timeline shows.
const maxLanes = 60

// Timeline draws who waited when.
func (r *Run) Timeline(s *Scenario) timeline.Chart {
	panel := timeline.Panel{Title: s.Name, Note: fmt.Sprintf("seed %d", r.Seed)}
	for i := range r.Verdicts {
		panel.Marks = append(panel.Marks, timeline.Mark{At: r.Verdicts[i].At, Label: "confirmed"})
	}
	lanes, open := make(map[string]*timeline.Lane), make(map[string]runlog.Entry)
	var order []string
	lane := func(name string) *timeline.Lane {
		if lanes[name] == nil {
			lanes[name] = &timeline.Lane{Name: name}
			order = append(order, name)
		}
		return lanes[name]
	}
	bar := func(begin runlog.Entry, to time.Duration, kind timeline.Kind) {
		if r.stuck(begin.Process, begin.At, to) {
			kind = timeline.Core
		}
		l := lane(begin.Process)
		l.Bars = append(l.Bars, timeline.Bar{From: begin.At, To: to, Kind: kind, Label: awaited(&begin), Tip: awaited(&begin)})
	}
	for _, e := range r.Log {
		switch e.Kind {
		case runlog.Begin:
			open[e.Process] = e
		case runlog.End:
			if begin, ok := open[e.Process]; ok {
				bar(begin, e.At, timeline.Answered)
			}
			delete(open, e.Process)
		}
	}
	var left []runlog.Entry
	for _, begin := range open {
		left = append(left, begin)
	}
	slices.SortFunc(left, func(a, b runlog.Entry) int { return cmp.Compare(a.Process, b.Process) })
	for _, begin := range left {
		bar(begin, r.Length, timeline.Unanswered)
	}
	for _, c := range r.Crashes {
		lane(c.Process).Crashes = append(lane(c.Process).Crashes, c.At)
	}
	for _, name := range order[:min(len(order), maxLanes)] {
		panel.Lanes = append(panel.Lanes, *lanes[name])
	}
	return timeline.Chart{Title: s.Name, Subtitle: s.Proves, Panels: []timeline.Panel{panel}}
}

// stuck reports whether a process was deadlocked at some time between two.
func (r *Run) stuck(process string, from, to time.Duration) bool {
	return slices.ContainsFunc(r.Truth[process], func(s runlog.Stand) bool { return s.From < to && s.To > from })
}

// awaited words what a process waits for.
func awaited(e *runlog.Entry) string {
	if len(e.Resources) == 1 {
		return e.Resources[0].Name
	}
	return fmt.Sprintf("%d of %d", e.Need, len(e.Resources))
}
