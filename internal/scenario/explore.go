package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Explore looks for a run of a scenario that deadlocks, and makes it as short as
// it can. What it returns is the scenario with fixed waits, before each call,
// lock and permit as they are needed, that deadlocks whatever the seed; nil if
// none was found in so many tries. Everything by chance comes from the seed.
// Progress, if not nil, is called after every try.
//
// That nothing was found proves nothing: there are more interleavings than
// tries.
func Explore(ctx context.Context, s *Scenario, seed uint64, tries int, progress func(done int)) *Scenario {
	rng := rand.New(rand.NewPCG(seed, 2))
	for try := range tries {
		if ctx.Err() != nil {
			return nil
		}
		one := s.copy()
		one.delay(rng, try)
		if one.deadlocks() {
			return one.shorten(ctx)
		}
		if progress != nil {
			progress(try + 1)
		}
	}
	return nil
}

// certainly is in how many runs, of different seeds, a finding has to deadlock.
const certainly = 50

// deadlocks reports whether a scenario does so, in truth and for sure.
func (s *Scenario) deadlocks() bool {
	for seed := range uint64(certainly) {
		if !Play(s, seed).Deadlocked {
			return false
		}
	}
	return true
}

// copy returns a scenario that shares no programs with s.
func (s *Scenario) copy() *Scenario {
	c := *s
	c.Services, c.Sessions = slices.Clone(s.Services), slices.Clone(s.Sessions)
	for i := range c.Services {
		c.Services[i].Does = copied(c.Services[i].Does)
	}
	for i := range c.Sessions {
		c.Sessions[i].Does = copied(c.Sessions[i].Does)
	}
	c.Expect = Expectation{Outcome: Either}
	return &c
}

// copied copies steps, which are nested no deeper than a file.
func copied(steps []Step) []Step {
	c := slices.Clone(steps)
	for i := range c {
		c[i].Do, c[i].To = copied(c[i].Do), slices.Clone(c[i].To)
		for j := range c[i].To {
			c[i].To[j].Do = copied(c[i].To[j].Do)
		}
	}
	return c
}

// spread is how far apart what happens at the same time may be moved.
const spread = 20 * time.Millisecond

// delay fixes all waits and limits of a scenario, and puts others in: none in
// the first try, at some of the places in the others.
func (s *Scenario) delay(rng *rand.Rand, try int) {
	s.programs(func(steps []Step) []Step {
		var c []Step
		for _, step := range steps {
			step.For, step.Timeout, step.Cancel = fixed(step.For, rng), fixed(step.Timeout, rng), fixed(step.Cancel, rng)
			if step.Verb != Wait && step.Verb != Answer && try > 0 && rng.IntN(2) == 0 {
				c = append(c, Step{Verb: Wait, For: fixed(Span{0, spread}, rng), Inserted: true})
			}
			c = append(c, step)
		}
		return c
	})
}

// fixed draws one of a few values of a span, in whole milliseconds where that
// is possible.
func fixed(s Span, rng *rand.Rand) Span {
	if s.Fixed() {
		return s
	}
	const values = 4
	d := s.Min + (s.Max-s.Min)/values*time.Duration(rng.IntN(values+1))
	d = max(s.Min, d.Round(time.Millisecond))
	return Span{d, d}
}

// programs changes all programs, the inner ones first.
func (s *Scenario) programs(change func([]Step) []Step) {
	var inside func(steps []Step) []Step
	inside = func(steps []Step) []Step { // nested no deeper than a file
		for i := range steps {
			steps[i].Do = inside(steps[i].Do)
			for j := range steps[i].To {
				steps[i].To[j].Do = inside(steps[i].To[j].Do)
			}
		}
		if len(steps) == 0 {
			return steps
		}
		return change(steps)
	}
	for i := range s.Services {
		s.Services[i].Does = inside(s.Services[i].Does)
	}
	for i := range s.Sessions {
		s.Sessions[i].Does = inside(s.Sessions[i].Does)
	}
}

// shorten leaves out sessions and waits that were put in for as long as what is
// left deadlocks, and says what it found.
func (s *Scenario) shorten(ctx context.Context) *Scenario {
	for before := (*Scenario)(nil); before != s; {
		before = s
		s = s.withFewerSessions(ctx).withFewerWaits(ctx)
	}
	r := Play(s, 0)
	s.expect(r)
	s.Name += "-deadlock"
	s.Proves = strings.TrimSpace(fmt.Sprintf("%s This run of it deadlocks: %s.", s.Proves, crowd(sortedKeys(r.Truth))))
	return s
}

// withFewerSessions returns s if it needs all of its sessions.
func (s *Scenario) withFewerSessions(ctx context.Context) *Scenario {
	for i := len(s.Sessions) - 1; i >= 0 && ctx.Err() == nil; i-- {
		c := s.copy()
		c.Sessions = slices.Delete(c.Sessions, i, i+1)
		if len(c.Sessions) > 0 && !c.blamed(s.Sessions[i].Name) && c.deadlocks() {
			s = c
		}
	}
	return s
}

// withFewerWaits returns s if it needs all waits that were put in.
func (s *Scenario) withFewerWaits(ctx context.Context) *Scenario {
	for n := 0; ctx.Err() == nil; {
		c := s.copy()
		if !c.dropWait(n) {
			break
		}
		if c.deadlocks() {
			s = c
		} else {
			n++
		}
	}
	return s
}

// expect makes a scenario expect the verdicts of a run, if it has them whatever
// the seed.
func (s *Scenario) expect(r *Run) {
	e := Expectation{Outcome: Verdicts}
	for i := range r.Verdicts {
		var core []Crowd
		for _, name := range members(r.Verdicts[i].Core) {
			core = append(core, Crowd{name, 1})
		}
		e.Verdicts = append(e.Verdicts, Expected{Kind: string(r.Verdicts[i].Kind), Core: core})
	}
	before := s.Expect
	s.Expect = e
	for seed := range uint64(certainly) {
		if len(e.Verdicts) == 0 || !Play(s, seed).Passed() {
			s.Expect = before
			return
		}
	}
}

// blamed reports whether a fault befalls a session.
func (s *Scenario) blamed(session string) bool {
	return slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Part == Process && slices.Contains(f.Names, session) })
}

// dropWait leaves out one of the waits that were put in, counted through all
// programs. It reports whether there is one. A step always follows such a wait, so
// that nothing is left with nothing to do.
func (s *Scenario) dropWait(n int) (found bool) {
	s.programs(func(steps []Step) []Step {
		var c []Step
		for _, step := range steps {
			if step.Inserted {
				if n--; n == -1 {
					found = true
					continue
				}
			}
			c = append(c, step)
		}
		return c
	})
	return found
}
