// Package dot draws the wait-for graph in the language of Graphviz.
//
//	┌ cluster: processes that wait for one another ─┐
//	│  "server_a:42" ──reply──▶ "server_b:42"       │
//	│        ▲───────reply────────────┘             │
//	└───────────────────────────────────────────────┘
//	   "caller" ──▶ ◇ service_a.compute ──▶ any of its consumers
//
// A wait that one process can end is an edge to that process. One that any of
// several can end, or that nobody is known to be able to end, leads to a
// diamond, and from there to each of them. Each strongly connected component
// stands in a box of its own; whether it is a deadlock is shown by colour,
// since a cycle alone is none where a wait has alternatives.
//
// Names are quoted and what is not printable in them is escaped, so a name
// remains a name whatever is in it.
package dot

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/encoding"
	"gonum.org/v1/gonum/graph/encoding/dot"
	"gonum.org/v1/gonum/graph/multi"
	"gonum.org/v1/gonum/graph/topo"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/report"
)

// Marshal draws a snapshot that was taken at an instant, from which the ages
// of the waits are counted. The same snapshot gives the same bytes.
func Marshal(s detector.Snapshot, at time.Time) ([]byte, error) {
	d := drawing{DirectedGraph: multi.NewDirectedGraph(), processes: make(map[report.Key]vertex)}
	for i := range s.Processes {
		d.process(&s.Processes[i])
	}
	for i := range s.Processes {
		for j := range s.Processes[i].Waits {
			d.wait(s.Processes[i].Key, &s.Processes[i].Waits[j], at)
		}
	}
	text, err := dot.MarshalMulti(d, "waitgraph", "", "\t")
	if err != nil {
		return nil, fmt.Errorf("draw wait-for graph: %w", err)
	}
	return append(text, '\n'), nil
}

// drawing is the graph as gonum prints it.
type drawing struct {
	*multi.DirectedGraph
	processes map[report.Key]vertex
}

// process draws one process.
func (d *drawing) process(p *detector.Process) {
	lines := []string{p.Key.Process}
	if p.Service != "" {
		lines = append(lines, p.Service)
	}
	if need, n := p.Need, len(p.Waits); need < n {
		lines = append(lines, fmt.Sprintf("needs %d of %d", need, n))
	}
	a := attributes{{Key: "label", Value: quote(lines...)}, {Key: "shape", Value: "box"}}
	if p.Hint {
		a = append(a, encoding.Attribute{Key: "style", Value: "dashed"})
	}
	switch {
	case p.Verdict != "":
		a = append(a, encoding.Attribute{Key: "color", Value: "red"})
	case p.Deadlocked:
		a = append(a, encoding.Attribute{Key: "color", Value: "orange"})
	}
	d.processes[p.Key] = d.vertex(a)
}

// wait draws one wait of a process.
func (d *drawing) wait(waiter report.Key, e *detector.Edge, at time.Time) {
	from, label := d.processes[waiter], label(e, at)
	if len(e.Holders) == 1 && e.Queue == "" {
		d.edge(from, d.holder(e.Holders[0]), label)
		return
	}
	name := string(e.Resource)
	if e.Queue != "" {
		name = e.Queue
	}
	choice := d.vertex(attributes{{Key: "label", Value: quote(name)}, {Key: "shape", Value: "diamond"}})
	d.edge(from, choice, label)
	for _, h := range e.Holders {
		d.edge(choice, d.holder(h), nil)
	}
}

func label(e *detector.Edge, at time.Time) attributes {
	text := e.Kind.String()
	if !e.Since.IsZero() {
		text += " " + explain.Duration(at.Sub(e.Since))
	}
	return attributes{{Key: "label", Value: quote(text)}}
}

// holder returns the vertex of a process. The snapshot may lack it.
func (d *drawing) holder(k report.Key) vertex {
	v, ok := d.processes[k]
	if !ok {
		v = d.vertex(attributes{{Key: "label", Value: quote(k.Process)}, {Key: "shape", Value: "box"}})
		d.processes[k] = v
	}
	return v
}

func (d *drawing) vertex(a attributes) vertex {
	v := vertex{d.NewNode(), a}
	d.AddNode(v)
	return v
}

func (d *drawing) edge(from, to vertex, a attributes) {
	d.SetLine(arrow{d.NewLine(from, to), a})
}

// Structure returns the boxes: the strongly connected components of more than
// one process.
func (d drawing) Structure() []dot.Multigraph {
	components := topo.TarjanSCC(d)
	for _, c := range components {
		slices.SortFunc(c, func(a, b graph.Node) int { return cmp.Compare(a.ID(), b.ID()) })
	}
	slices.SortFunc(components, func(a, b []graph.Node) int { return cmp.Compare(a[0].ID(), b[0].ID()) })
	var boxes []dot.Multigraph
	for _, c := range components {
		if len(c) == 1 {
			continue
		}
		b := box{multi.NewDirectedGraph(), len(boxes) + 1}
		for _, n := range c {
			b.AddNode(outline{n})
		}
		boxes = append(boxes, b)
	}
	return boxes
}

type attributes []encoding.Attribute

// Attributes implements encoding.Attributer.
func (a attributes) Attributes() []encoding.Attribute { return a }

// vertex is a process or a resource.
type vertex struct {
	graph.Node
	attributes
}

// DOTID implements dot.Node. It never contains a name, which could be anything.
func (v vertex) DOTID() string { return "n" + strconv.FormatInt(v.ID(), 10) }

// outline is a vertex without attributes, as it stands in a box.
type outline struct{ graph.Node }

// DOTID implements dot.Node.
func (o outline) DOTID() string { return vertex{Node: o.Node}.DOTID() }

type arrow struct {
	graph.Line
	attributes
}

// box is what Graphviz draws around a component.
type box struct {
	*multi.DirectedGraph
	number int
}

// DOTID implements dot.Multigraph. The prefix makes Graphviz draw the box.
func (b box) DOTID() string { return "cluster_" + strconv.Itoa(b.number) }

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote returns lines of text as one quoted string of DOT.
func quote(lines ...string) string {
	for i, l := range lines {
		lines[i] = escape.Replace(explain.Printable(l))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

var (
	_ dot.Node            = vertex{}
	_ dot.Node            = outline{}
	_ dot.Multigraph      = box{}
	_ dot.MultiStructurer = drawing{}
	_ encoding.Attributer = vertex{}
	_ encoding.Attributer = arrow{}
)
