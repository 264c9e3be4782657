package spansink

import (
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

// maxStanding is how many standing verdicts are remembered.
const maxStanding = 4096

// A verdict that is not announced for this many reminders, but for this time at
// least, has ended without a word of it.
const (
	forgetReminders = 4
	forgetAtLeast   = 30 * time.Second
)

// standing remembers when verdicts that stand were announced again.
type standing struct {
	forget time.Duration
	swept  time.Time
	all    map[string]*stood
}

type stood struct {
	last  time.Time
	times []time.Time // the first maxStood
}

func newStanding(remind time.Duration) standing {
	return standing{forget: max(forgetReminders*remind, forgetAtLeast), all: make(map[string]*stood)}
}

// note takes an announcement of a verdict that stands.
func (s *standing) note(at time.Time, a *detector.Announce) {
	s.sweep(at)
	one := s.all[a.Verdict.ID]
	if one == nil {
		if len(s.all) == maxStanding {
			return
		}
		one = new(stood)
		s.all[a.Verdict.ID] = one
	}
	one.last = at
	if a.Again && len(one.times) < maxStood {
		one.times = append(one.times, at)
	}
}

// end forgets a verdict, and returns when it was announced again.
func (s *standing) end(id string) []time.Time {
	one := s.all[id]
	if one == nil {
		return nil
	}
	delete(s.all, id)
	return one.times
}

// sweep forgets the verdicts of whose end nobody told.
func (s *standing) sweep(at time.Time) {
	if at.Sub(s.swept) < s.forget {
		return
	}
	s.swept = at
	for id, one := range s.all {
		if at.Sub(one.last) >= s.forget {
			delete(s.all, id)
		}
	}
}
