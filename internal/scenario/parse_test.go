package scenario

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const small = `# What it proves,
# in two lines.
services:
  ring: {count: 3, replicas: 2, does: {call: "ring/{i+1}", timeout: 1s..2s, catch: true}}
  pool: {workers: 2}
sessions:
  client: {call: ring/1}
expect:
  - {cycle: [ring*3], behind: client, within: 1s}
`

func TestParse(t *testing.T) {
	got, err := Parse("dir/small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	member := func(n, next, replica int) Service {
		return Service{
			Name: fmt.Sprintf("ring/%d", n), Replicas: []string{fmt.Sprintf("ring@%d", replica)}, Workers: 1,
			Does: []Step{{
				Verb: Call, To: []Target{{Service: fmt.Sprintf("ring/%d", next)}}, Need: 1,
				Timeout: Span{time.Second, 2 * time.Second}, Catch: true,
			}},
		}
	}
	want := &Scenario{
		Name: "small", Proves: "What it proves, in two lines.", For: 10 * time.Second,
		Services: []Service{
			member(1, 2, 1), member(2, 3, 2), member(3, 1, 1),
			{Name: "pool", Replicas: []string{"pool"}, Workers: 2, Prefetch: 1},
		},
		Sessions: []Session{{Name: "client", Does: []Step{{Verb: Call, To: []Target{{Service: "ring/1"}}, Need: 1}}}},
		Expect: Expectation{Outcome: Verdicts, Verdicts: []Expected{{
			Kind: "cycle", Core: []Crowd{{"ring", 3}}, Behind: []Crowd{{"client", 1}}, Listed: true, Within: time.Second,
		}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// All that is wrong is told, each with its place and what was expected there.
func TestProblems(t *testing.T) {
	const rest = "\nsessions: {c: {call: a}}\nexpect: silence\n"
	for text, want := range map[string][]string{
		"services: {a: {dose: 1}}" + rest:                                              {`f:1:16: unknown key "dose"; expected one of count, replicas`},
		"services: {a: {does: {call: b}}}" + rest:                                      {`f:1:29: there is no service "b"; expected a`},
		"services: {a: {does: {wait: soon, call: a}}}" + rest:                          {`f:1:22: call and wait in one step; expected one of them`},
		"services: {a: {does: {wait: soon}}}" + rest:                                   {`f:1:29: "soon" is no duration; expected a duration like 20ms`},
		"services: {a: {does: {wait: 3s..1s}}}" + rest:                                 {`f:1:29: the range 3s..1s is empty; expected the shorter one first`},
		"services: {a: {workers: many}}" + rest:                                        {`f:1:25: "many" is not possible here; expected a number from 1 to 1000`},
		"services: {a: {count: 3}}" + rest:                                             {`f:2:22: a is a group; expected one of them, like a/1`},
		"services: {a: , a: }" + rest:                                                  {`f:1:17: "a" stands here twice; expected each name once`},
		"services: {a: {does: {lock: l}}}" + rest:                                      {`f:1:29: "l" is not declared; expected its name under locks`},
		"services: {a: }\nfaults: {at: 1s, pause: detector}" + rest:                    {`f:2:9: how long it lasts is missing; expected for`},
		"services: {a: &x {}, b: *x}" + rest:                                           {`f:1:15: anchors and aliases are not part of the format; expected the thing itself`, `f:1:25: anchors`},
		"services: {a: }\nsessions: {c: {call: a}}\nexpect: noise":                     {`f:3:9: "noise" is not possible here; expected silence, either, or a list`},
		"services: {a: }\nsessions: {c: {call: a}}":                                    {`f:1:1: expect is missing; expected services, sessions and expect`},
		"services: {a: {count: 4000}, b: {count: 4000}}" + rest:                        {`f:1:1: there are`},
		"services: {sessions: }" + rest:                                                {`f:1:12: the replica in which the sessions run is called sessions; expected another name`},
		"services: {a: }\nfor: 1s..2s" + rest:                                          {`f:2:6: a range is not possible here; expected a duration`},
		"services: {a: }\nfaults: {at: 1s, partition: [], for: 1s}" + rest:             {`f:2:29: nobody is named; expected one of sessions, a`},
		"services: {a: }\nfaults: {at: 1s, drop: []}" + rest:                           {`f:2:24: nobody is named`},
		"services: {a: }\nfaults: {at: 1s, kill: {process: []}}" + rest:                {`f:2:34: nobody is named; expected one of a, c`},
		"services: {a: }\nfaults: {at: 1s, pause: {agent: []}, for: 1s}" + rest:        {`f:2:33: nobody is named`},
		"services: {a: }\nfaults: {at: 1s, pause: detector, for: 1s..9s}" + rest:       {`f:2:40: a range is not possible here`},
		"services: {a: }\nsessions: {c: {call: a}}\nexpect: {cycle: []}":               {`f:3:17: nobody is in it; expected the processes of the core`},
		"services: {a: }\nsessions: {c: {call: a}}\nexpect: {self: []}":                {`f:3:16: nobody is in it`},
		"services: {a: }\nsessions: {c: {call: a}}\nexpect: {self: a, within: 1s..2s}": {`f:3:27: a range is not possible here`},
		"services: {a: }\nsessions: {c: {call: a}}\nexpect: {self: a, at: 0s}":         {`f:3:23: 0s is the beginning itself`},
		"services: {a: }\nsessions: {c: {call: a}}\nexpect: {self: a, at: now}":        {`f:3:23: "now" is no duration`},
		"services: [a\n":                     {`f:`},
		"":                                   {`f:1:1: the file is empty`},
		strings.Repeat("#", maxBytes+1):      {`f:1:1: the file has 1048577 bytes; expected at most 1048576`},
		strings.Repeat("[", 200):             {`f:`},
		"services: {a: {x: 1, y: 2}}" + rest: {`f:1:16: unknown key "x"`, `f:1:22: unknown key "y"`},
	} {
		_, err := Parse("f", []byte(text))
		var problems FileErrors
		if !errors.As(err, &problems) {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		for i, w := range want {
			if i >= len(problems) || !strings.HasPrefix(problems[i].String(), w) {
				t.Errorf("%.60q: said\n%v\nwant %s", text, err, w)
			}
		}
	}
}

// steps counts steps, repetitions played out.
func steps(of []Step) (n int) {
	for i := range of {
		s := &of[i]
		n += 1 + steps(s.Do)*max(1, s.Times)
		for _, to := range s.To {
			n += steps(to.Do)
		}
	}
	return n
}

// However steps are multiplied, it is said at once that they are too many, where
// they become so.
func TestTooManySteps(t *testing.T) {
	const calls = "call: [a, a, a, a, a, a, a, a, a, a], do: {"
	for does, column := range map[string]int{
		"repeat: 1000, do: {repeat: 1000, do: {lock: l}}":                      34,
		"repeat: 1000, do: {repeat: 1000, do: {repeat: 1000, do: {lock: l}}}":  53,
		strings.Repeat(calls, 5) + "call: a" + strings.Repeat("}", 5):          58,
		"repeat: 1000, do: [" + strings.Repeat("{lock: l}, ", 100) + "answer]": 34,
	} {
		_, err := Parse("f", []byte("services: {a: }\nlocks: l\nexpect: either\nsessions: {c: {"+does+"}}\n"))
		if want := fmt.Sprintf("f:4:%d: there are too many steps; expected at most 100000", column); err == nil || err.Error() != want {
			t.Errorf("%.60s: %v; want %s", does, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("services: {a: }\nsessions: {c: {repeat: 1000, do: {repeat: 1000, do: {call: a}}}}\nexpect: either"))
	f.Add([]byte("services: {a: }\nsessions: {c: {call: [a, a], do: {call: [a, a], do: {call: [a, a], do: [answer, answer]}}}}\nexpect: either"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse("f", text)
		if err != nil {
			return
		}
		n := 0
		for i := range s.Services {
			n += steps(s.Services[i].Does)
		}
		for i := range s.Sessions {
			n += steps(s.Sessions[i].Does)
		}
		if n > maxSteps {
			t.Errorf("%d steps", n)
		}
		if _, err := Format(s); err != nil {
			t.Error(err)
		}
	})
}
