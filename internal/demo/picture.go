package demo

import (
	"fmt"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/demo/timeline"
)

// chart shows the phases with a panel for each.
func (r *Result) chart() timeline.Chart {
	return timeline.Chart{Title: r.title, Subtitle: fmt.Sprintf("%s; broker: %s", r.subtitle, r.broker()), Panels: r.panels}
}

// panel shows one phase: a lane for each process, in the order in which they
// began to wait.
func panel(p *Phase, seen []Sighting) timeline.Panel {
	found := findingOf(seen)
	out := timeline.Panel{Title: p.Title, Note: summary(p), Marks: marks(p)}
	lanes := make(map[string]int)
	for _, w := range p.Waits {
		i, ok := lanes[w.Process]
		if !ok {
			i = len(out.Lanes)
			lanes[w.Process] = i
			out.Lanes = append(out.Lanes, timeline.Lane{Name: w.Process})
		}
		out.Lanes[i].Bars = append(out.Lanes[i].Bars, bar(w, found.about(w)))
	}
	for _, c := range p.Crashes {
		if i, ok := lanes[c.Process]; ok {
			out.Lanes[i].Crashes = append(out.Lanes[i].Crashes, time.Duration(c.At))
		}
	}
	return out
}

func bar(w Wait, core bool) timeline.Bar {
	b := timeline.Bar{
		From: time.Duration(w.From), To: time.Duration(w.To), Label: "waits for " + w.For,
		Tip: fmt.Sprintf("%s waits for %s, %v: %s", w.Process, w.For, time.Duration(w.To-w.From).Round(time.Microsecond), w.Outcome),
	}
	switch {
	case core:
		b.Kind = timeline.Core
	case w.Outcome == Answered:
		b.Kind = timeline.Answered
	default:
		b.Kind = timeline.Unanswered
	}
	return b
}

// finding is what was confirmed: when first, and the processes of all cores.
type finding struct {
	at   Seconds
	core map[string]bool // nil: nothing was
}

func findingOf(seen []Sighting) finding {
	var f finding
	for _, s := range seen {
		if s.Verdict.Status != detector.Confirmed {
			continue
		}
		if f.core == nil {
			f = finding{at: Seconds(s.At), core: make(map[string]bool)}
		}
		for _, m := range s.Verdict.Core {
			f.core[m.Key.Process] = true
		}
	}
	return f
}

// about reports whether the wait is one of the core.
func (f finding) about(w Wait) bool {
	return f.core[w.Process] && w.From <= f.at && (w.To >= f.at || w.Outcome == Waiting)
}

func marks(p *Phase) []timeline.Mark {
	d := p.Deadlock
	if d == nil || d.Confirmed == nil {
		return nil
	}
	return []timeline.Mark{{At: time.Duration(d.Formed + *d.Confirmed), Label: "deadlock confirmed"}}
}

// summary says in one line what came of the phase.
func summary(p *Phase) string {
	d := p.Deadlock
	switch {
	case d != nil && d.Confirmed != nil:
		return fmt.Sprintf("confirmed %s after it formed", after(d.Confirmed)) + left(d)
	case d != nil:
		return fmt.Sprintf("first crash %s after the deadlock formed", after(d.Crashed))
	case len(p.Calls) == 0:
		return ""
	}
	note := p.Result
	if note == "" {
		note = "answered after " + short(time.Duration(p.Calls[0].Took))
	}
	if p.Watched && len(p.Verdicts) == 0 {
		note += ", no verdict"
	}
	return note
}

// left says how long before the first crash the confirmation came.
func left(d *Deadlock) string {
	if d.Crashed == nil {
		return ""
	}
	return ", " + short(time.Duration(*d.Crashed-*d.Confirmed)) + " before the first crash"
}

// deadlockOf returns the measured deadlock of a phase, nil if there was none. It
// formed with the last wait of the core that was confirmed or, if nothing was,
// with the last wait that nobody answered.
func deadlockOf(p *Phase, seen []Sighting) *Deadlock {
	d := new(Deadlock)
	found, formed := findingOf(seen), false
	for _, w := range p.Waits {
		if found.about(w) || found.core == nil && w.Outcome == TimedOut {
			formed, d.Formed = true, max(d.Formed, w.From)
		}
	}
	if !formed {
		return nil
	}
	d.Suspected, d.Confirmed = d.first(seen, detector.Suspected), d.first(seen, detector.Confirmed)
	if len(p.Crashes) > 0 {
		at := slices.MinFunc(p.Crashes, func(a, b Crash) int { return int(a.At - b.At) }).At - d.Formed
		d.Crashed = &at
	}
	if d.Crashed != nil && d.Confirmed != nil && *d.Confirmed > 0 {
		d.Ratio = float64(*d.Crashed) / float64(*d.Confirmed)
	}
	return d
}

// first returns when a verdict first had the status.
func (d *Deadlock) first(seen []Sighting, status detector.Status) *Seconds {
	for _, s := range seen {
		if s.Verdict.Status == status {
			at := Seconds(s.At) - d.Formed
			return &at
		}
	}
	return nil
}
