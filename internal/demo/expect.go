package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/services/compute"
)

// Processes of the deadlock. Which of the consumers take part is the broker's
// choice, so they go without the number of their replica.
const (
	serverA   = "server_a:42"
	serverB   = "server_b:42"
	consumerA = "service_a.consumer"
	consumerB = "service_b.consumer"
)

// check judges what happened in a phase.
type check func(p *Phase, seen []sighting) Expectation

// expect returns whether got is what was wanted, by their text.
func expect(text, got, want string) Expectation {
	e := Expectation{Text: text, Held: got == want}
	if !e.Held {
		e.Got = got
	}
	return e
}

// answer expects that the last call for id got the answer.
func answer(id, want int64) check {
	return func(p *Phase, _ []sighting) Expectation {
		got := "not asked"
		for _, c := range p.Calls {
			if c.ID == id {
				got = c.Error
				if got == "" {
					got = thousands(c.Answer)
				}
			}
		}
		return expect(fmt.Sprintf("compute(%d) = %s", id, thousands(want)), got, thousands(want))
	}
}

// crash expects that exactly these processes crashed, once each.
func crash(processes ...string) check {
	return func(p *Phase, _ []sighting) Expectation {
		return expect("crashed: "+list(processes), list(crashed(p)), list(processes))
	}
}

func crashed(p *Phase) []string {
	var names []string
	for _, c := range p.Crashes {
		names = append(names, c.Process)
	}
	return names
}

// ownTimeouts expects that each crash came from the full timeout of a wait of
// that very process.
func ownTimeouts(p *Phase, _ []sighting) Expectation {
	var others []string
	for _, c := range p.Crashes {
		if !slices.ContainsFunc(p.Waits, func(w Wait) bool {
			return w.Process == c.Process && w.Outcome == TimedOut && w.To <= c.At &&
				time.Duration(w.To-w.From) >= compute.DefaultTimeout
		}) {
			others = append(others, c.Process)
		}
	}
	return expect("each by its own timeout of "+short(compute.DefaultTimeout), list(others), list(nil))
}

// onceEach expects that consumers handed over every request exactly once.
func onceEach(p *Phase, _ []sighting) Expectation {
	sent, handed := 0, 0
	for _, w := range p.Waits {
		if strings.HasPrefix(w.For, "server_") {
			handed++
		} else {
			sent++
		}
	}
	return expect("no request is delivered again", fmt.Sprint(handed, " of ", sent, " handed over"), fmt.Sprint(sent, " of ", sent, " handed over"))
}

// cycle expects one verdict, confirmed: a cycle of the two server processes
// and a consumer of either service, with these processes behind it until the
// first of them crashes.
func cycle(collateral ...string) check {
	core := []string{serverA, serverB, consumerA, consumerB}
	return func(p *Phase, seen []sighting) Expectation {
		want := fmt.Sprintf("1 cycle of %s; behind it %s", list(core), list(collateral))
		ids, got := make(map[string]bool), "nothing"
		for _, s := range seen {
			ids[s.Verdict.ID] = true
			if s.Verdict.Status == detector.Confirmed && (len(p.Crashes) == 0 || Seconds(s.At) < p.Crashes[0].At) {
				got = fmt.Sprintf("%d %s of %s; behind it %s", len(ids), s.Verdict.Kind, list(roles(s.Verdict.Core)), list(roles(s.Verdict.Collateral)))
			}
		}
		return expect("confirmed: "+want, got, want)
	}
}

// roles returns the members' names, those of consumers without the replica.
func roles(members []detector.Member) []string {
	var names []string
	for _, m := range members {
		name, _, _ := strings.Cut(m.Key.Process, "@")
		names = append(names, name)
	}
	return names
}

// inBand expects that a call chain did or did not show the cycle by itself.
func inBand(want bool) check {
	text := map[bool]string{true: "seen in one request's call chain", false: "seen in the graph only"}
	return func(_ *Phase, seen []sighting) Expectation {
		got := false
		for _, s := range seen {
			got = got || s.Verdict.InBand
		}
		return expect(text[want], text[got], text[want])
	}
}

// early expects the confirmation in less than a tenth of the time to the first
// crash.
func early(p *Phase, _ []sighting) Expectation {
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

// resolved expects that the verdict ended with the timeouts, and that nobody
// contradicted it.
func resolved(_ *Phase, seen []sighting) Expectation {
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
	return expect("resolved by the timeouts", got, want)
}

// silence expects that the detector said nothing at all.
func silence(_ *Phase, seen []sighting) Expectation {
	got := list(nil)
	if len(seen) > 0 {
		got = fmt.Sprintf("%d announcements", len(seen))
	}
	return expect("waitgraph is silent", got, list(nil))
}

// list returns the names, sorted.
func list(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// thousands returns n with separators.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
