package scenario

import (
	"os"
	"testing"
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

func TestExploreFindsNothingWhereNothingIs(t *testing.T) {
	for _, name := range []string{"router.yaml", "locks-in-order.yaml", "pool-of-2-saved.yaml", "early-answer.yaml"} {
		if text := explore(t, name); text != nil {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
