package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// Check judges what happened in a scene. See Expect for one of your own.
type Check func(p *Phase, seen []Sighting) Expectation

// Expect returns whether got is what was wanted, by their text.
func Expect(text, got, want string) Expectation {
	e := Expectation{Text: text, Held: got == want}
	if !e.Held {
		e.Got = got
	}
	return e
}

// Answer expects that the last request of this kind got the answer.
func Answer(request, want string) Check {
	return func(p *Phase, _ []Sighting) Expectation {
		return Expect(request+" = "+want, lastAnswer(p, request), want)
	}
}

// Refusal expects that the last request of this kind failed, with an error that
// says so.
func Refusal(request, want string) Check {
	return func(p *Phase, _ []Sighting) Expectation {
		e := Expectation{Text: request + " is refused: " + want, Got: lastAnswer(p, request)}
		if e.Held = strings.Contains(e.Got, want); e.Held {
			e.Got = ""
		}
		return e
	}
}

// lastAnswer returns what came of the last request of this kind.
func lastAnswer(p *Phase, request string) string {
	got := "not asked"
	for _, c := range p.Calls {
		if c.Request == request {
			if got = c.Error; got == "" {
				got = c.Answer
			}
		}
	}
	return got
}

// Once expects that the system did something, told in these words, exactly
// once.
func Once(text string) Check {
	return func(p *Phase, _ []Sighting) Expectation {
		n := 0
		for _, e := range p.Events {
			if e.Text == text {
				n++
			}
		}
		return Expect("once: "+text, fmt.Sprint(n, " times"), "1 times")
	}
}

// Crashes expects that exactly these processes crashed, once each.
func Crashes(processes ...string) Check {
	return func(p *Phase, _ []Sighting) Expectation {
		return Expect("crashed: "+List(processes), List(crashed(p)), List(processes))
	}
}

func crashed(p *Phase) []string {
	var names []string
	for _, c := range p.Crashes {
		names = append(names, c.Process)
	}
	return names
}

// OwnTimeouts expects that each crash came from the full timeout of a wait of
// that very process.
func OwnTimeouts(timeout time.Duration) Check {
	return func(p *Phase, _ []Sighting) Expectation {
		var others []string
		for _, c := range p.Crashes {
			if !slices.ContainsFunc(p.Waits, func(w Wait) bool {
				return w.Process == c.Process && w.Outcome == TimedOut && w.To <= c.At && time.Duration(w.To-w.From) >= timeout
			}) {
				others = append(others, c.Process)
			}
		}
		return Expect("each by its own timeout of "+short(timeout), List(others), List(nil))
	}
}

// Confirmed expects one verdict, confirmed: of this kind, with this core, and
// before the first crash with these processes behind it, once all have come and
// none has given up. The processes go by their names up to an @ or a slash:
// which replica takes part is the broker's choice, and so is the name of a
// request.
func Confirmed(kind detector.Kind, core, collateral []string) Check {
	return func(p *Phase, seen []Sighting) Expectation {
		want := fmt.Sprintf("1 %s of %s; behind it %s", kind, List(core), List(collateral))
		ids, got := make(map[string]bool), "nothing"
		for _, s := range seen {
			ids[s.Verdict.ID] = true
		}
		for _, s := range seen {
			if got != want && s.Verdict.Status == detector.Confirmed && (len(p.Crashes) == 0 || Seconds(s.At) < p.Crashes[0].At) {
				got = fmt.Sprintf("%d %s of %s; behind it %s", len(ids), s.Verdict.Kind, List(roles(s.Verdict.Core)), List(roles(s.Verdict.Collateral)))
			}
		}
		return Expect("confirmed: "+want, got, want)
	}
}

// roles returns the members' names without the replica or request.
func roles(members []detector.Member) []string {
	var names []string
	for _, m := range members {
		name := m.Key.Process
		if end := strings.IndexAny(name, "@/"); end >= 0 {
			name = name[:end]
		}
		names = append(names, name)
	}
	return names
}

// InBand expects that a call chain did or did not show the cycle by itself.
func InBand(want bool) Check {
	text := map[bool]string{true: "seen in one request's call chain", false: "seen in the graph only"}
	return func(_ *Phase, seen []Sighting) Expectation {
		got := false
		for _, s := range seen {
			got = got || s.Verdict.InBand
		}
		return Expect(text[want], text[got], text[want])
	}
}

// Early expects the confirmation in less than a tenth of the time to the first
// crash.
func Early(p *Phase, _ []Sighting) Expectation {
	e := Expectation{Text: "confirmed at least 10 times sooner than the first crash", Got: "not both came"}
	if d := p.Deadlock; d != nil && d.Confirmed != nil && d.Crashed != nil {
		e.Got = fmt.Sprintf("%v and %v", time.Duration(*d.Confirmed), time.Duration(*d.Crashed))
		e.Held = 10**d.Confirmed < *d.Crashed
	}
	if e.Held {
		e.Got = ""
	}
	return e
}

// Resolved expects that the verdict ended with the timeouts, and that nobody
// contradicted it.
func Resolved(_ *Phase, seen []Sighting) Expectation {
	const want = "resolved"
	got := "still standing"
	for _, s := range seen {
		switch v := s.Verdict; {
		case v.Contradicted:
			got = "contradicted"
		case v.Status == detector.Resolved && (v.Cause == report.TimedOut.String() || v.Cause == report.Crashed.String()):
			got = want
		case v.Status.Ended():
			got = string(v.Status) + " " + v.Cause
		}
	}
	return Expect("resolved by the timeouts", got, want)
}

// Silence expects that the detector said nothing at all.
func Silence(_ *Phase, seen []Sighting) Expectation {
	got := List(nil)
	if len(seen) > 0 {
		got = fmt.Sprintf("%d announcements", len(seen))
	}
	return Expect("waitgraph is silent", got, List(nil))
}

// List returns the names, sorted.
func List(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// Thousands returns n with separators.
func Thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
