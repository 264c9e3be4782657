package live

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/internal/runlog"
)

// A request in the mailbox of a worker that dies is for another one. If the
// service takes what comes, it is lost there, as the one that the worker was at.
func TestMailbox(t *testing.T) {
	for prefetch, want := range map[string]int{"2": 3, "0": 2} {
		t.Run(prefetch, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := played(t, "services: {a: {workers: 2, prefetch: "+prefetch+", does: {wait: 1s}}}\n"+
					"sessions: {s: {count: 4, does: {call: a, timeout: 5s, catch: true}}}\n"+
					"faults: [{at: 500ms, kill: {process: a#1}, for: 100ms}]\nexpect: silence\n")
				answered, story := 0, make(map[string][]runlog.Kind)
				for _, e := range r.Log {
					switch {
					case e.Resource != "":
						story[e.Resource] = append(story[e.Resource], e.Kind)
					case e.Kind == runlog.End && e.At < 5*time.Second:
						answered++
					}
				}
				once, twice := 0, 0
				for _, kinds := range story {
					switch {
					case slices.Equal(kinds, []runlog.Kind{runlog.Send, runlog.Take, runlog.Settle}):
						once++
					case slices.Equal(kinds, []runlog.Kind{runlog.Send, runlog.Take, runlog.Send, runlog.Take, runlog.Settle}):
						twice++
					}
				}
				if !r.Passed() || answered != want || once != 3 || twice != 1 {
					t.Errorf("passed %v, %d answered, want %d; %d taken once, want 3; %d twice, want 1: %v", r.Passed(), answered, want, once, twice, r.Log)
				}
			})
		})
	}
}

// A request that a worker waits for is stuck if it is in his own mailbox, although
// another worker is free.
func TestStuckInMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := played(t, `
services: {pool: {workers: 2, prefetch: 2}}
sessions:
  one: {call: pool, do: [{wait: 20ms}, {call: pool, do: []}]}
  two: [{wait: 10ms}, {call: pool, do: []}]
expect: [{self: pool, behind: one}]
`)
		if !r.Passed() {
			t.Errorf("missed %q, false %q, unexpected %q: %v", r.Missed, r.False, r.Unexpected, r.Log)
		}
	})
}
