package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
)

var at = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// hostile is a name that would clear a terminal, set its title, turn the writing
// round and begin lines and columns of its own, if it came through.
const hostile = "x\x1b[2J\x1b]0;title\a\u009b2J\u202e\r\n\t\x00\xff\u2028"

// fill sets each string that v leads to, gives each list one element, and each
// time and number a value.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(1)
	}
}

func filled[T any](text string) *T {
	v := new(T)
	fill(reflect.ValueOf(v).Elem(), text)
	return v
}

// shown are all that gets to a terminal, of answers in which each text is the same.
func shown(t *testing.T, text string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	show := func(name string, f func(b *bytes.Buffer) error) {
		var b bytes.Buffer
		if err := f(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = b.String()
	}
	deadlocks, one, graph := filled[httpapi.Deadlocks](text), filled[httpapi.Deadlock](text), filled[explain.Graph](text)
	deadlocks.History = "failing"
	one.Proof = nil
	top := Top{Server: text, Graph: *graph, Deadlocks: *deadlocks}
	show("deadlocks", func(b *bytes.Buffer) error { return Deadlocks(b, deadlocks) })
	show("graph", func(b *bytes.Buffer) error { return Graph(b, graph) })
	show("top", func(b *bytes.Buffer) error { return Text(b, top.Lines(100)) })
	show("explain", func(b *bytes.Buffer) error { return Deadlock(b, one) })
	show("json of deadlocks", func(b *bytes.Buffer) error { return JSON(b, deadlocks) })
	show("json of one", func(b *bytes.Buffer) error { return JSON(b, one) })
	show("json of graph", func(b *bytes.Buffer) error { return JSON(b, graph) })
	show("drawing", func(b *bytes.Buffer) error { return Drawing(b, text) })
	return all
}

// TestNothingGetsThrough shows answers of which each text is hostile: letters
// and lines is all that may come out, and no more lines than of harmless ones.
func TestNothingGetsThrough(t *testing.T) {
	harmless := shown(t, "x")
	for name, out := range shown(t, hostile) {
		if name == "drawing" {
			out = strings.ReplaceAll(out, "\t", "") // it indents
		}
		if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s: %q came through in\n%q", name, out[i], out)
		}
		if name == "drawing" || name == "explain" {
			continue // they have lines of the detector's
		}
		if got, want := strings.Count(out, "\n"), strings.Count(harmless[name], "\n"); got != want {
			t.Errorf("%s: %d lines instead of %d:\n%s", name, got, want, out)
		}
		if !strings.Contains(out, `x\`) {
			t.Errorf("%s does not show the name:\n%s", name, out)
		}
	}
}

// TestJSONIsTheSame reads what was escaped.
func TestJSONIsTheSame(t *testing.T) {
	for _, text := range []string{"plain", "<&>", `\u001b`, "a\x1b\u009b\u202e\u2028", "\U0001f600\U000e0001", "\"\\\n"} {
		want := filled[explain.Graph](text)
		var b bytes.Buffer
		if err := JSON(&b, want); err != nil {
			t.Fatal(err)
		}
		got := new(explain.Graph)
		if err := json.Unmarshal(b.Bytes(), got); err != nil {
			t.Fatalf("%q: %v in\n%s", text, err, b.Bytes())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: -want +got:\n%s", text, d)
		}
	}
}

func deadlock(id string, status detector.Status, names ...string) history.Deadlock {
	d := history.Deadlock{Verdict: explain.Verdict{
		ID: id, Kind: detector.Cycle, Status: status, Since: at.Add(-time.Minute), Suspected: at.Add(-50 * time.Second), CoreCount: len(names),
	}}
	for _, n := range names {
		d.Core = append(d.Core, explain.Process{Name: n})
	}
	return d
}

func TestDeadlocks(t *testing.T) {
	ended := deadlock("v2", detector.Resolved, "a", "b", "c", "d", "e", "f")
	ended.Cause, ended.Ended, ended.Recurrence = "timeout", at.Add(-30*time.Second), &history.Recurrence{Before: 3}
	unseen := deadlock("v3", detector.Confirmed, "a")
	unseen.EndUnseen = true
	undated := deadlock("v4", detector.Suspected, "a")
	undated.Since, undated.Core, undated.CoreCount = time.Time{}, nil, 7
	for _, tt := range []struct {
		name string
		d    httpapi.Deadlocks
		want string
	}{
		{"nothing", httpapi.Deadlocks{At: at}, "No deadlock is known.\n"},
		{"history that fails", httpapi.Deadlocks{At: at, History: "failing", HistoryError: "disk full"}, "No deadlock is known.\nThe history fails: disk full\n"},
		{
			"standing and past",
			httpapi.Deadlocks{
				At: at, Standing: []history.Deadlock{deadlock("v1", detector.Confirmed, "a:1", "b:1"), undated}, StandingCount: 5,
				Past: []history.Deadlock{ended, unseen}, Next: "c",
			},
			`ID  STATUS                 FOUND                 SHAPE       LASTED       BEFORE  CORE
v1  confirmed              2026-11-21T08:59:10Z  cycle of 2  1m0s so far  ?       a:1, b:1
v4  suspected              2026-11-21T08:59:10Z  cycle of 7  ?            ?       7 processes
v2  resolved by timeout    2026-11-21T08:59:10Z  cycle of 6  30.00 s      3       a, b, c, d and 2 more
v3  confirmed, end unseen  2026-11-21T08:59:10Z  cycle of 1  ?            ?       a
3 more are standing.
There are earlier ones: --cursor=c
`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := Deadlocks(&b, &tt.d); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, b.String()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestGraph(t *testing.T) {
	holders := func(names ...string) (all []explain.Holder) {
		for _, n := range names {
			all = append(all, explain.Holder{Name: n})
		}
		return all
	}
	g := explain.Graph{At: at, Processes: []explain.Node{
		{Verdict: "v1", Process: explain.Process{Name: "a:1", Service: "svc", Need: 1, Waits: []explain.Wait{
			{Kind: "reply", Exchange: "x", Key: "k", Resource: "r", Since: at.Add(-time.Second), Deadline: at.Add(time.Minute), Holders: holders("b:1"), HolderCount: 1},
			{Kind: "queue", Queue: "q", Resource: "r", Holders: holders("c", "d", "e", "f", "g"), HolderCount: 9},
		}}},
		{Deadlocked: true, Process: explain.Process{Name: "b:1", Need: 1, Waits: []explain.Wait{{Kind: "lock", Resource: "r"}}}},
		{Process: explain.Process{Name: "c"}},
	}, Pools: []explain.Pool{{Queue: "q", Workers: 3, Blocked: 2, Waiting: 4, LastWorker: true}}}
	const want = `a:1 (svc) !! core of v1, needs 1 of 2
  waits 1.00 s for reply of x/k, gives up in 1m0s <- b:1
  waits for queue of q <- c, d, e, f or 5 more
b:1 ! deadlocked
  waits for lock of r <- nobody known
c active
pool q: 2 of 3 workers blocked, 4 requests waiting ! its last worker
`
	var b strings.Builder
	if err := Graph(&b, &g); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	b.Reset()
	if err := Graph(&b, new(explain.Graph)); err != nil || b.String() != "Nobody waits.\n" {
		t.Errorf("%v: %q", err, b.String())
	}
}

func TestScreenKeepsToItsSize(t *testing.T) {
	var b strings.Builder
	lines := []Line{{Bad, "äöüß and more"}, {Plain, "two"}, {Fine, "three"}}
	if err := (Screen{&b}).Show(lines, 4, 2); err != nil {
		t.Fatal(err)
	}
	if want := home + "\x1b[1;31mäöüß" + reset + restOfLine + "\r\ntwo" + reset + restOfLine + restBelow; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestTopHasNoMoreLinesThanThereAre(t *testing.T) {
	top := Top{Graph: *filled[explain.Graph]("x"), Deadlocks: *filled[httpapi.Deadlocks]("x")}
	for range 50 {
		top.Graph.Processes = append(top.Graph.Processes, top.Graph.Processes[0])
	}
	for height := range 60 {
		if n := len(top.Lines(height)); n > max(height, 1) {
			t.Errorf("%d lines of %d", n, height)
		}
	}
}

// broken is a pipe that nobody reads from.
type broken struct{}

var errBroken = errors.New("broken pipe")

// Write implements io.Writer.
func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestLostOutputIsAnError(t *testing.T) {
	for name, err := range map[string]error{
		"deadlocks": Deadlocks(broken{}, new(httpapi.Deadlocks)),
		"deadlock":  Deadlock(broken{}, new(httpapi.Deadlock)),
		"graph":     Graph(broken{}, new(explain.Graph)),
		"drawing":   Drawing(broken{}, "x"),
		"json":      JSON(broken{}, 1),
		"text":      Text(broken{}, []Line{{}}),
		"screen":    Screen{broken{}}.Enter(),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
