package console

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// Graph writes each process with what it waits for, and who can grant it.
//
//	server_a:42 (service_a) !! core of rspvf1r5k8cu
//	  waits 4.2 ms for reply of server_b.42 <- server_b:42
func Graph(w io.Writer, g *explain.Graph) error {
	b := bufio.NewWriter(w)
	for i := range g.Processes {
		writeNode(b, g, &g.Processes[i])
	}
	for i := range g.Pools {
		p := &g.Pools[i]
		_, _ = fmt.Fprintf(b, "pool %s: %d of %d workers blocked, %d requests waiting", explain.Printable(p.Queue), p.Blocked, p.Workers, p.Waiting)
		if p.LastWorker {
			_, _ = b.WriteString(" ! its last worker")
		}
		_ = b.WriteByte('\n')
	}
	if len(g.Processes) == 0 {
		_, _ = b.WriteString("Nobody waits.\n")
	}
	if err := b.Flush(); err != nil { // errors of the writes above come again
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func writeNode(b *bufio.Writer, g *explain.Graph, n *explain.Node) {
	line := explain.Printable(n.Name)
	if n.Service != "" {
		line += " (" + explain.Printable(n.Service) + ")"
	}
	switch {
	case n.Verdict != "":
		line += " !! core of " + explain.Printable(n.Verdict)
	case n.Deadlocked:
		line += " ! deadlocked"
	case len(n.Waits) == 0:
		line += " active"
	}
	if n.Need < len(n.Waits) {
		line += fmt.Sprintf(", needs %d of %d", n.Need, len(n.Waits))
	}
	_, _ = fmt.Fprintln(b, line)
	for i := range n.Waits {
		_, _ = fmt.Fprintln(b, "  "+waitLine(g, &n.Waits[i]))
	}
}

func waitLine(g *explain.Graph, w *explain.Wait) string {
	s := "waits"
	if !w.Since.IsZero() {
		s += " " + explain.Duration(g.At.Sub(w.Since))
	}
	s += " for " + explain.Printable(w.Kind) + " of " + explain.Printable(w.Target())
	if !w.Deadline.IsZero() {
		s += ", gives up in " + explain.Duration(w.Deadline.Sub(g.At))
	}
	names := make([]string, 0, maxNamed)
	for _, h := range w.Holders[:min(len(w.Holders), maxNamed)] {
		names = append(names, explain.Printable(h.Name))
	}
	switch more := w.HolderCount - len(names); {
	case len(names) == 0:
		return s + " <- nobody known"
	case more > 0:
		return fmt.Sprintf("%s <- %s or %d more", s, strings.Join(names, ", "), more)
	}
	return s + " <- " + strings.Join(names, " or ")
}
