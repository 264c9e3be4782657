package scenario

import (
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/runlog"
)

// Of a timeout and a cancellation the one comes that is earlier in that run: the
// process crashes, or goes on.
func TestEarlierLimit(t *testing.T) {
	for text, want := range map[string]struct{ least, most int }{ // crashes of 50
		"timeout: 1s, cancel: 500ms..1500ms":        {10, 40},
		"timeout: 500ms..1500ms, cancel: 1s":        {10, 40},
		"timeout: 1s..1200ms, cancel: 500ms..900ms": {0, 0},
		"timeout: 500ms..900ms, cancel: 1s..1200ms": {50, 50},
	} {
		s, err := Parse("f", []byte("services: {a: {does: {wait: 1m}}}\nsessions: {s: {call: a, "+text+"}}\nexpect: silence"))
		if err != nil {
			t.Fatal(err)
		}
		crashed := 0
		for seed := range uint64(50) {
			r := Play(s, seed)
			crashed += len(r.Crashes)
			var began time.Duration
			for _, e := range r.Log {
				switch {
				case e.Process != "s":
				case e.Kind == runlog.Begin:
					began = e.At
				case e.Kind == runlog.End && e.At-began > time.Second:
					t.Errorf("%s, seed %d: it waited for %v", text, seed, e.At-began)
				}
			}
		}
		if crashed < want.least || crashed > want.most {
			t.Errorf("%s: %d of 50 crashed", text, crashed)
		}
	}
}
