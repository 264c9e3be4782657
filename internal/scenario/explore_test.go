package scenario

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// explore returns what is found in a scenario of the library, as it is printed.
func explore(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../docs/scenarios/" + name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	found := Explore(t.Context(), s, 1, 20, nil)
	if found == nil {
		return nil
	}
	if text, err = Format(found); err != nil {
		t.Fatal(err)
	}
	return text
}

// What is found deadlocks again when it is read from its file, with seeds other
// than those that it was found with.
func TestExploreFinds(t *testing.T) {
	for _, name := range []string{"opposite-sessions.yaml", "locks-crossing.yaml", "dining.yaml", "envelope-of-3.yaml"} {
		text := explore(t, name)
		if text == nil {
			t.Errorf("%s: nothing found", name)
			continue
		}
		s, err := Parse(name, text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		deadlocked := 0
		for seed := range uint64(50) {
			if Play(s, 1000+seed).Deadlocked {
				deadlocked++
			}
		}
		if deadlocked < 45 {
			t.Errorf("%s: %d of 50 runs deadlock\n%s", name, deadlocked, text)
		}
	}
}

// A finding keeps what its file does: waits of the file stay where they are, or
// guards would be held for longer and repetitions of nothing be refused. What was
// put in goes as far as it can.
func TestExploreKeeps(t *testing.T) {
	for name, text := range map[string]string{
		"repeat": `
services: {a: {does: {call: b}}, b: {does: {call: a}}}
sessions: {one: [{repeat: 2, do: {wait: 5ms}}, {call: a}]}
expect: either`,
		"lock": `
locks: [a, b, x]
services: {}
sessions:
  p: [{lock: x, do: {wait: 1ms}}, {lock: a, do: [{wait: 20ms}, {lock: b, do: {wait: 1ms}}]}]
  q: [{wait: 10ms}, {lock: b, do: [{wait: 5ms}, {lock: x, do: {wait: 1ms}}, {lock: a, do: {wait: 1ms}}]}]
expect: either`,
		"permit": `
permits: {x: 2}
services: {a: {does: [{permit: x, do: {wait: 1ms}}, {call: b}]}, b: {does: {call: a}}}
sessions: {one: {count: 3, does: {call: a}}, other: {call: b}}
expect: either`,
	} {
		s, err := Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(5) {
			found := Explore(t.Context(), s, seed, 5, nil)
			if found == nil {
				t.Errorf("%s, seed %d: nothing found", name, seed)
				continue
			}
			text, err := Format(found)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(name, text); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			if found.withFewerSessions(t.Context()) != found || found.withFewerWaits(t.Context()) != found {
				t.Errorf("%s, seed %d: it can do with less\n%s", name, seed, text)
			}
			for i := range s.Services {
				keeps(t, s.Services[i].Does, found.Services[i].Does)
			}
			for _, one := range found.Sessions {
				i := slices.IndexFunc(s.Sessions, func(o Session) bool { return o.Name == one.Name })
				keeps(t, s.Sessions[i].Does, one.Does)
			}
		}
	}
}

// keeps compares programs but for the waits that were put in.
func keeps(t *testing.T, want, got []Step) {
	t.Helper()
	inserted := cmpopts.IgnoreSliceElements(func(s Step) bool { return s.Inserted })
	if diff := cmp.Diff(want, got, inserted, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestExploreFindsNothingWhereNothingIs(t *testing.T) {
	for _, name := range []string{"router.yaml", "locks-in-order.yaml", "pool-of-2-saved.yaml", "early-answer.yaml"} {
		if text := explore(t, name); text != nil {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
