package live

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// What a reentrant service does for its own call chain is work of a process
// within it, and goes its own way.
func TestReentrant(t *testing.T) {
	for name, tt := range map[string]struct {
		text       string
		core       []string // of the one verdict; none: there is none
		deadlocked bool
		crashes    []string
		terminated bool
	}{
		"it asks him who waits for it": {
			text: `
services: {a: {reentrant: true}, b: }
sessions: {s: {call: a, do: {call: b, do: {call: a, do: {call: b, do: [], timeout: 200ms, catch: true}}}}}
expect: either
`, core: []string{"a/1", "b"}, deadlocked: true, terminated: true,
		},
		"within itself": {
			text: `
services: {a: {reentrant: true}, b: , c: }
sessions: {s: {call: a, do: {call: b, do: {call: a, do: {call: c, do: {call: a, do: {wait: 1ms}}}}}}}
expect: silence
`, terminated: true,
		},
		"calls itself": {
			text: `
services: {a: {reentrant: true}}
sessions: {s: {call: a, do: {call: a, do: {call: a, do: []}}}}
expect: silence
`, terminated: true,
		},
		"a lock that is not its own": {
			text: `
locks: [l]
services: {a: {reentrant: true}, b: }
sessions:
  one: {call: a, do: {call: b, do: {call: a, do: [{wait: 20ms}, {lock: l}]}}}
  two: [{wait: 1ms}, {lock: l}, {wait: 10ms}, {call: a, do: []}]
expect: either
`, core: []string{"a", "a/1", "b", "two"}, deadlocked: true,
		},
		"after an early answer": {
			text: `
locks: [l, m]
services: {a: {reentrant: true}, b: }
sessions:
  one: {call: a, do: {call: b, do: {call: a, do: [answer, {lock: l}, {wait: 20ms}, {lock: m}]}}}
  two: [{wait: 1ms}, {lock: m}, {wait: 20ms}, {lock: l}]
expect: either
`, core: []string{"a/1", "two"}, deadlocked: true,
		},
		"it needs no answer of him who asks back": {
			text: `
services: {a: {reentrant: true}, b: {does: {call: a, do: []}}, c: {does: {wait: 20ms}}}
sessions: {s: {call: a, do: {call: [b, c], need: any}}}
expect: silence
`, terminated: true,
		},
		"all whose answer would do ask back": {
			text: `
services: {a: {reentrant: true}, b: {does: {call: a, do: []}}}
sessions: {s: {call: a, do: {call: [b, {to: b, do: {call: a, do: []}}], need: any}}}
expect: either
`, core: []string{"a", "b"}, deadlocked: true,
		},
		"he who asks back has answered": {
			text: `
services: {a: {reentrant: true}, b: , c: }
sessions:
  s:
    call: a
    do:
      call: b
      do: [{call: c, do: [answer, {wait: 5ms}, {call: a, do: []}]}, {wait: 10ms}, {call: c, do: []}]
expect: either
`, core: []string{"a", "b", "c"}, deadlocked: true,
		},
		"he who asks back asks for one who has answered": {
			text: `
services: {a: {reentrant: true}, b: , c: , d: {does: [{wait: 20ms}, {call: a, do: []}]}}
sessions:
  s: {call: a, do: {call: [{to: b, do: {call: d, timeout: 5ms, catch: true}}, {to: c, do: [{wait: 30ms}, {call: d, do: []}]}]}}
expect: either
`, core: []string{"a", "c", "d"}, deadlocked: true,
		},
		"it waits no more for him who asks back": {
			text: `
services: {a: {reentrant: true}, b: {does: [{wait: 10ms}, {call: a, do: []}]}, c: {does: {call: b, do: []}}}
sessions: {s: {call: a, do: [{call: b, timeout: 5ms, catch: true}, {wait: 1ms}, {call: c}]}}
expect: either
`, core: []string{"a", "b", "c"}, deadlocked: true,
		},
		"nobody watches him who asks back": {
			text: `
services: {a: {reentrant: true}, b: {unwatched: 1, does: {call: a, do: []}}}
sessions: {s: {call: a, do: {call: b}}}
expect: either
`, deadlocked: true,
		},
		"it crashes alone": {
			text: `
services: {a: {reentrant: true}, b: , c: {does: {wait: 1s}}}
sessions: {s: [{call: a, do: {call: b, timeout: 500ms, catch: true, do: {call: a, timeout: 300ms, catch: true, do: {call: c, timeout: 100ms}}}}, {call: a, do: []}]}
expect: silence
`, crashes: []string{"a/1"}, terminated: true,
		},
		"it is killed along": {
			text: `
services: {a: {reentrant: true}, b: }
sessions: {s: [{call: a, timeout: 1s, catch: true, do: {call: b, do: {call: a, timeout: 1s, catch: true, do: {wait: 5s}}}}, {call: a, do: []}]}
faults: [{at: 500ms, kill: {process: a}, for: 100ms}]
expect: silence
`, crashes: []string{"a", "a/1"}, terminated: true,
		},
		"it is killed afterwards": {
			text: `
services: {a: {reentrant: true}, b: }
sessions: {s: [{call: a, do: {call: b, do: {call: a, do: []}}}, {wait: 1s}, {call: a, do: []}]}
faults: [{at: 500ms, kill: {process: a}, for: 100ms}]
expect: silence
`, crashes: []string{"a"}, terminated: true,
		},
		"what waits in its mailbox is lost with it": {
			text: `
services: {a: {reentrant: true, does: {wait: 1s}}}
sessions: {s: {call: a, timeout: 3s, catch: true}, t: [{wait: 10ms}, {call: a, timeout: 3s, catch: true}]}
faults: [{at: 500ms, kill: {process: a}, for: 100ms}]
expect: silence
`, crashes: []string{"a"}, terminated: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := played(t, tt.text)
				consistent(t, r.Log, "a")
				var core, crashes []string
				for _, v := range r.Verdicts {
					for _, m := range v.Core {
						core = append(core, m.Key.Process)
					}
				}
				for _, c := range r.Crashes {
					crashes = append(crashes, c.Process)
				}
				slices.Sort(core)
				if !r.Passed() || r.Deadlocked != tt.deadlocked || r.Terminated != tt.terminated || !slices.Equal(core, tt.core) || !slices.Equal(crashes, tt.crashes) {
					t.Errorf("missed %q, false %q, unexpected %q, deadlocked %v, terminated %v, core %q, crashed %q: %v",
						r.Missed, r.False, r.Unexpected, r.Deadlocked, r.Terminated, core, crashes, r.Log)
				}
			})
		})
	}
}

// A request that comes back may still be in the mailbox when the process goes on:
// whether it was of its own chain is known once it is begun.
func TestReturned(t *testing.T) {
	take := func(process string) runlog.Entry {
		return runlog.Entry{Kind: runlog.Take, Process: process, Resource: "reply/1"}
	}
	ended := runlog.Entry{Kind: runlog.End, Process: "a"}
	dropped := runlog.Entry{Kind: runlog.Drop, Process: "a", Resource: "reply/1"}
	goOn := func(a, _ *life, _ *request) { (&work{life: a}).goOn() }
	begin := func(_, within *life, back *request) {
		if err := within.take(back); err != nil {
			t.Error(err)
		}
	}
	for name, tt := range map[string]struct {
		steps []func(a, within *life, back *request)
		want  []runlog.Entry
	}{
		"begun at once":  {[]func(a, within *life, back *request){begin, goOn}, []runlog.Entry{take("a/1"), ended}},
		"begun too late": {[]func(a, within *life, back *request){goOn, goOn, begin}, []runlog.Entry{take("a"), ended, ended, dropped, take("a/1")}},
	} {
		j := newJournal()
		p := &process{play: &play{journal: j}, name: "a", service: &scenario.Service{Reentrant: true}}
		a := &life{process: p, blocked: true, mailbox: make(map[*request]struct{}), returned: make(map[*request]struct{})}
		within := &life{process: &process{play: p.play, name: "a/1"}, outer: a}
		there := j.enter(&scenario.Target{Service: "b"}, true)
		back := j.enter(&scenario.Target{Service: "a"}, true)
		there.from, back.behind, a.awaits = a, there, []*request{there}

		a.receive(&amqprpc.Request{Body: back.body()})
		for _, step := range tt.steps {
			step(a, within, back)
		}
		got := slices.Clone(j.record.Log)
		for i := range got {
			got[i].At = 0
		}
		if diff := cmp.Diff(tt.want, []runlog.Entry(got)); diff != "" || len(a.mailbox)+len(a.returned) > 0 {
			t.Errorf("%s: %d in the mailbox, %d returned: %s", name, len(a.mailbox), len(a.returned), diff)
		}
	}
}

// consistent fails unless those who leave have joined, and whoever takes a request
// has it for good, or until it comes again, which it does not once it is settled.
// Before anybody has one to a service that is reentrant, if there is one, nobody can
// tell who it is for.
func consistent(t *testing.T, log runlog.Log, reentrant string) {
	t.Helper()
	joined, holders, settled := make(map[string]bool), make(map[string]string), make(map[string]bool)
	for _, e := range log {
		switch {
		case e.Kind == runlog.Join:
			joined[e.Process] = true
		case e.Kind == runlog.Leave && !joined[e.Process],
			e.Kind == runlog.Take && holders[e.Resource] != "",
			e.Kind == runlog.Drop && strings.HasPrefix(e.Resource, "reply/"),
			e.Kind == runlog.Send && (settled[e.Resource] || e.Queue == reentrant && holders[e.Resource] == ""):
			t.Errorf("%v: %v", e, log)
		case e.Kind == runlog.Take:
			holders[e.Resource] = e.Process
		case e.Kind == runlog.Drop, e.Kind == runlog.Send:
			delete(holders, e.Resource)
		case e.Kind == runlog.Settle:
			settled[e.Resource] = true
		}
	}
}
