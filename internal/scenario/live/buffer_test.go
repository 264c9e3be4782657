package live

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/internal/runlog"
)

// Who sends more than a buffer takes waits until there is room, which the service
// makes when it takes a message up, or loses it.
func TestBuffer(t *testing.T) {
	const services = "services: {a: {buffer: 1, does: {wait: 1s}}}\n"
	for name, tt := range map[string]struct {
		text string
		who  string
		want time.Duration // when the last wait of who ends
	}{
		"a message is taken up": {
			"sessions: {s: {repeat: 3, do: {send: a}}}\nexpect: silence\n", "s", time.Second,
		},
		"first come, first served": {
			"sessions: {s: {repeat: 3, do: {send: a}}, t: [{wait: 10ms}, {send: a}]}\nexpect: silence\n", "t", 2 * time.Second,
		},
		"it gives up": {
			"sessions: {s: [{repeat: 2, do: {send: a}}, {send: a, timeout: 500ms, catch: true}]}\nexpect: silence\n", "s", 500 * time.Millisecond,
		},
		"one before it gives up": {
			"sessions: {s: [{repeat: 2, do: {send: a}}, {send: a, timeout: 500ms, catch: true}], t: [{wait: 10ms}, {send: a}]}\nexpect: silence\n", "t", time.Second,
		},
		"one before it is killed": {
			"sessions: {s: {repeat: 3, do: {send: a}}, t: [{wait: 10ms}, {send: a}]}\nfaults: [{at: 500ms, kill: {process: s}}]\nexpect: silence\n", "t", time.Second,
		},
		"a message dies in the mailbox": {
			"sessions: {s: {repeat: 3, do: {send: a}}}\nfaults: [{at: 500ms, kill: {process: a}, for: 200ms}]\nexpect: silence\n", "s", 700 * time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := played(t, services+tt.text)
				last := time.Duration(-1)
				for _, e := range slices.Backward(r.Log) {
					if e.Kind == runlog.End && e.Process == tt.who {
						last = e.At.Round(100 * time.Millisecond)
						break
					}
				}
				if !r.Passed() || last != tt.want {
					t.Errorf("passed %v, log %v, want that the wait of %s ends at %v", r.Passed(), r.Log, tt.who, tt.want)
				}
			})
		})
	}
}
