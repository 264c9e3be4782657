package dot

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/graph/encoding/dot"
	"gonum.org/v1/gonum/graph/multi"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

var at = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func process(name string, waits ...detector.Edge) detector.Process {
	need := len(waits)
	return detector.Process{Member: detector.Member{Key: key(name), Need: need, Waits: waits}, Deadlocked: need > 0}
}

func key(name string) report.Key {
	return report.Key{Agent: report.Agent{Name: "agent", Incarnation: 1}, Process: name, Activation: 1}
}

func reply(holders ...string) detector.Edge {
	e := detector.Edge{Wait: report.Wait{Resource: "r", Kind: report.Reply, Since: at.Add(-time.Second)}}
	for _, h := range holders {
		e.Holders = append(e.Holders, key(h))
	}
	return e
}

func TestMarshal(t *testing.T) {
	untaken := reply("c1")
	untaken.Queue = "service_a.compute"
	a, b := process("a", reply("b")), process("b", reply("a"))
	a.Verdict, b.Verdict, b.Service = "v", "v", "service_b"
	s := detector.Snapshot{Processes: []detector.Process{a, b, process("c1"), process("caller", untaken), process("self", reply("self"), reply("self"))}}
	got, err := Marshal(s, at)
	if err != nil {
		t.Fatal(err)
	}
	const want = `digraph waitgraph {
	subgraph cluster_1 {
		// Node definitions.
		n0;
		n1;
	}
	// Node definitions.
	n0 [
		label="a"
		shape=box
		color=red
	];
	n1 [
		label="b\nservice_b"
		shape=box
		color=red
	];
	n2 [
		label="c1"
		shape=box
	];
	n3 [
		label="caller"
		shape=box
		color=orange
	];
	n4 [
		label="self"
		shape=box
		color=orange
	];
	n5 [
		label="service_a.compute"
		shape=diamond
	];

	// Edge definitions.
	n0 -> n1 [label="reply 1.00 s"];
	n1 -> n0 [label="reply 1.00 s"];
	n3 -> n5 [label="reply 1.00 s"];
	n4 -> n4 [label="reply 1.00 s"];
	n4 -> n4 [label="reply 1.00 s"];
	n5 -> n2;
}
`
	if d := cmp.Diff(want, strings.ReplaceAll(string(got), "\r", "")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestHostileNames reads back what was drawn: names must remain names.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		`"];evil [label="`, `\`, `\"`, `<b>bold</b>`, "a\nb\x00\x1b", "\xff", `{|}`, "", "node", "\u202e",
	} {
		text, err := Marshal(detector.Snapshot{Processes: []detector.Process{process(name, reply(name, name+"2"))}}, at)
		if err != nil {
			t.Fatal(err)
		}
		g := multi.NewDirectedGraph()
		if err := dot.UnmarshalMulti(text, g); err != nil {
			t.Errorf("%q: %v in\n%s", name, err, text)
			continue
		}
		if n := g.Nodes().Len(); n != 3 {
			t.Errorf("%q: %d nodes in\n%s", name, n, text)
		}
		if strings.Contains(string(text), "=<") || strings.ContainsAny(string(text), "\x00\x1b\xff") {
			t.Errorf("%q came through in\n%s", name, text)
		}
	}
}
