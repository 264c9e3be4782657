package svg

import (
	"fmt"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// Bounds on what is drawn: beyond them, nobody could read it.
const (
	MaxProcesses = 500
	maxArrows    = 5000
)

// TooLargeError says that a graph is too large to be drawn.
type TooLargeError struct {
	Count int
	What  string
}

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%d %s are too many to draw as SVG; use format=dot or format=json", e.Count, e.What)
}

// Marshal draws a graph. The same graph gives the same bytes.
func Marshal(g *explain.Graph) ([]byte, error) {
	if n := len(g.Processes); n > MaxProcesses {
		return nil, &TooLargeError{n, "processes"}
	}
	arrows := 0
	for i := range g.Processes {
		for j := range g.Processes[i].Waits {
			arrows += max(len(g.Processes[i].Waits[j].Holders), 1)
		}
	}
	if arrows > maxArrows {
		return nil, &TooLargeError{arrows, "arrows"}
	}
	p := newPicture(g)
	p.arrange()
	return p.marshal(), nil
}

// state is how a process stands, and the class by which its elements are styled.
type state string

const (
	free   state = ""
	core   state = "core"
	behind state = "behind"
)

// class returns the classes of an element.
func (s state) class(of string) string {
	if s == free {
		return of
	}
	return of + " " + string(s)
}

// box is a process in the picture.
type box struct {
	node       *explain.Node
	known      bool // the graph has it, and not only as a holder
	state      state
	ports      []port
	lines      []line // as they are shown
	to, from   []*box // whom it waits for, and who waits for it
	column     int
	x, y, w, h int
}

// port is one wait of a process: a line of its box from which an arrow leads.
type port struct {
	wait    *explain.Wait
	holders []*box
}

// picture is a graph on its way to become one.
type picture struct {
	graph         *explain.Graph
	boxes         []*box
	byKey         map[explain.Holder]*box
	columns       []column
	width, height int
}

// column is a service.
type column struct {
	service string
	x, w    int
}

func newPicture(g *explain.Graph) *picture {
	p := &picture{graph: g, byKey: make(map[explain.Holder]*box)}
	for i := range g.Processes {
		b := p.box(key(&g.Processes[i]))
		b.node, b.known, b.state = &g.Processes[i], true, stateOf(&g.Processes[i])
	}
	for _, b := range p.boxes[:len(g.Processes):len(g.Processes)] {
		for i := range b.node.Waits {
			b.ports = append(b.ports, p.port(b, &b.node.Waits[i]))
		}
	}
	return p
}

func key(n *explain.Node) explain.Holder {
	return explain.Holder{Name: n.Name, Agent: n.Agent, Activation: n.Activation}
}

func stateOf(n *explain.Node) state {
	switch {
	case n.Verdict != "":
		return core
	case n.Deadlocked:
		return behind
	}
	return free
}

// box returns that of a process. The graph may lack it.
func (p *picture) box(k explain.Holder) *box {
	b := p.byKey[k]
	if b == nil {
		b = &box{node: &explain.Node{Process: explain.Process{Name: k.Name, Agent: k.Agent, Activation: k.Activation}}}
		p.byKey[k] = b
		p.boxes = append(p.boxes, b)
	}
	return b
}

func (p *picture) port(waiter *box, w *explain.Wait) port {
	t := port{wait: w}
	for _, h := range w.Holders {
		holder := p.box(h)
		t.holders = append(t.holders, holder)
		waiter.to, holder.from = append(waiter.to, holder), append(holder.from, waiter)
	}
	return t
}
