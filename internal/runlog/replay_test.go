package runlog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func begin(at int, p string, need, holders int, things ...string) Entry {
	e := Entry{Kind: Begin, Process: p, Need: need}
	for _, t := range things {
		e.Resources = append(e.Resources, Resource{t, holders})
	}
	return e.at(at)
}

func take(at int, p, thing string) Entry {
	return Entry{Kind: Take, Process: p, Resource: thing}.at(at)
}

func (e Entry) at(n int) Entry {
	e.At = time.Duration(n)
	return e
}

// stand lasts from one instant to another; 0 is for ever.
func stand(from, to time.Duration) Stand {
	if to == 0 {
		to = Forever
	}
	return Stand{from, to}
}

func TestReplay(t *testing.T) {
	for name, c := range map[string]struct {
		log            Log
		truth, certain History
	}{
		"two wait for each other until one gives up": {
			Log{take(1, "a", "x"), take(1, "b", "y"), begin(2, "a", 1, 1, "y"), begin(3, "b", 1, 1, "x"), Entry{Kind: End, Process: "a"}.at(5)},
			History{"a": {stand(3, 5)}, "b": {stand(3, 5)}},
			History{"a": {stand(3, 5)}, "b": {stand(3, 5)}},
		},
		"any of two": {
			Log{take(1, "a", "x"), take(1, "b", "y"), begin(2, "a", 1, 1, "x", "y")},
			History{},
			History{},
		},
		"a semaphore with a unit left": {
			Log{take(1, "a", "x"), begin(2, "a", 1, 2, "x")},
			History{},
			History{},
		},
		"nobody watches the one": {
			Log{Entry{Kind: Hide, Process: "a"}.at(1), take(1, "a", "x"), begin(2, "a", 1, 1, "x")},
			History{"a": {stand(2, 0)}},
			History{},
		},
		"a request in the queue of its own sender, whose agent is lost then": {
			Log{
				Entry{Kind: Join, Process: "a", Queue: "q"}.at(1), begin(2, "a", 1, 1, "r"), Entry{Kind: Send, Resource: "r", Queue: "q"}.at(3),
				Entry{Kind: Lose, Process: "a"}.at(4),
			},
			History{"a": {stand(3, 0)}},
			History{"a": {stand(3, 4)}},
		},
		"a request that is settled": {
			Log{take(1, "a", "r"), begin(2, "a", 1, 1, "r"), Entry{Kind: Settle, Resource: "r"}.at(4)},
			History{"a": {stand(2, 4)}},
			History{"a": {stand(2, 4)}},
		},
	} {
		truth, certain := Replay(c.log)
		if diff := cmp.Diff(c.truth, truth) + cmp.Diff(c.certain, certain); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestTogether(t *testing.T) {
	h := History{"a": {stand(1, 4)}, "b": {stand(3, 0)}}
	if first, ok := h.Together([]string{"a", "b"}, 0, 9); !ok || first != 3 {
		t.Errorf("together at %v, %t", first, ok)
	}
	if _, ok := h.Together([]string{"a", "b"}, 4, 9); ok {
		t.Error("together after one of them was free")
	}
}

func TestBehind(t *testing.T) {
	log := Log{
		take(1, "a", "x"), take(1, "b", "y"), take(1, "c", "z"), take(1, "e", "w"), take(1, "free", "v"),
		begin(2, "d", 1, 1, "z"), begin(2, "c", 1, 1, "x"), begin(2, "e", 1, 1, "w"), begin(2, "g", 1, 1, "v"), begin(2, "h", 1, 1, "x", "v"),
		begin(3, "a", 1, 1, "y"), begin(3, "b", 1, 1, "x"), begin(4, "i", 1, 1, "y"),
	}
	if diff := cmp.Diff([]string{"c", "d"}, Behind(log, []string{"a", "b"}, 3)); diff != "" {
		t.Error(diff)
	}
}
