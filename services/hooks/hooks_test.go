package hooks

import (
	"errors"
	"slices"
	"testing"
)

// Whatever is left out can be called all the same.
func TestFilled(t *testing.T) {
	for _, h := range []Hooks{{}, {Calling: func(string, string) func(error) { return nil }}} {
		h = h.Filled().Filled()
		h.Started("p")
		h.Calling("p", "q")(nil)
		h.Crashed("p", nil)
	}
}

func TestTold(t *testing.T) {
	var told []string
	tell := func(words ...string) { told = append(told, words...) }
	h := Hooks{
		Started: func(p string) { tell("started", p) },
		Calling: func(p, q string) func(error) {
			tell("calling", p, q)
			return func(err error) { tell("ended", err.Error()) }
		},
		Crashed: func(p string, err error) { tell("crashed", p, err.Error()) },
	}.Filled()
	h.Started("p")
	h.Calling("p", "q")(errors.New("late"))
	h.Calling("", "q")(errors.New("unnoticed"))
	h.Crashed("p", errors.New("gone"))
	if want := []string{"started", "p", "calling", "p", "q", "ended", "late", "crashed", "p", "gone"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
