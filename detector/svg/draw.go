package svg

import (
	"bytes"
	_ "embed" // for the style
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
)

//go:embed style.css
var style string

// line is one line of text in a box.
type line struct{ class, text, whole string }

// write returns the lines of a box; those of its ports are the last.
func (b *box) write(at time.Time) []line {
	name := explain.Printable(b.node.Name)
	all := []line{{"name", cut(name), name}}
	if words := b.words(); words != "" {
		all = append(all, line{"state", cut(words), words})
	}
	for i := range b.ports {
		words := explain.Printable(b.ports[i].words() + age(b.ports[i].wait.Since, at))
		all = append(all, line{"port", cut(words), words})
	}
	return all
}

// age says for how long a wait has lasted, if that is known.
func age(since, at time.Time) string {
	if since.IsZero() {
		return ""
	}
	return ", " + explain.Duration(at.Sub(since))
}

// words says how a process stands.
func (b *box) words() string {
	var s []string
	switch {
	case !b.known:
		s = append(s, "not in the graph")
	case b.state == core:
		s = append(s, "core of "+explain.Printable(b.node.Verdict))
	case b.state == behind:
		s = append(s, "deadlocked")
	case len(b.ports) == 0:
		s = append(s, "active")
	}
	if n := len(b.ports); b.node.Need < n {
		s = append(s, fmt.Sprintf("needs %d of %d", b.node.Need, n))
	}
	return strings.Join(s, ", ")
}

func (t *port) words() string {
	s := t.wait.Kind + " of " + t.wait.Target()
	if more := t.wait.HolderCount - len(t.wait.Holders); more > 0 {
		s += fmt.Sprintf(" (%d more)", more)
	}
	return s
}

func serviceName(s string) string {
	if s == "" {
		return "of no known service"
	}
	return explain.Printable(s)
}

// marshal writes what has been arranged.
func (p *picture) marshal() []byte {
	var b bytes.Buffer
	title := "Who waits for whom at " + p.graph.At.UTC().Format(time.RFC3339)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%d" height="%d" viewBox="0 0 %d %d">`+"\n", p.width, p.height, p.width, p.height)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>\n%s</style>\n<defs>\n", title, style)
	for _, s := range []state{free, core, behind} {
		fmt.Fprintf(&b, `<marker id="tip%s" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="%s" d="M0 0L8 4L0 8z"/></marker>`+"\n", s, s.class("tip"))
	}
	fmt.Fprintf(&b, "</defs>\n"+`<text class="head" x="%d" y="%d">%s: %s</text>`+"\n", margin, margin+lineHeight, title, p.summary())
	for i := range p.columns {
		p.service(&b, &p.columns[i])
	}
	for _, from := range p.boxes {
		for i := range from.ports {
			from.arrow(&b, i)
		}
	}
	for _, x := range p.boxes {
		x.draw(&b)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (p *picture) summary() string {
	waiting, verdicts := 0, make(map[string]bool)
	for i := range p.graph.Processes {
		n := &p.graph.Processes[i]
		if len(n.Waits) > 0 {
			waiting++
		}
		if n.Verdict != "" {
			verdicts[n.Verdict] = true
		}
	}
	if waiting == 0 {
		return "nobody waits"
	}
	return fmt.Sprintf("%d of %d wait, %s", waiting, len(p.graph.Processes), count(len(verdicts), "deadlock"))
}

func (p *picture) service(b *bytes.Buffer, c *column) {
	top, name := margin+headHeight, serviceName(c.service)
	fmt.Fprintf(b, `<g class="service"><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="10"/><text x="%d" y="%d">%s</text></g>`+"\n",
		escaped(name), c.x-padding, top, c.w+2*padding, p.height-top-margin, c.x, top+lineHeight, escaped(cut(name)))
}

func (b *box) draw(to *bytes.Buffer) {
	class := b.state.class("process")
	if b.node.Hint || !b.known {
		class += " hint"
	}
	var tip []string
	for _, l := range b.lines {
		tip = append(tip, l.whole)
	}
	if b.node.Agent != "" {
		tip = append(tip, "agent "+explain.Printable(b.node.Agent))
	}
	fmt.Fprintf(to, `<g class="%s"><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="6"/>`, class, escaped(strings.Join(tip, "\n")), b.x, b.y, b.w, b.h)
	for i, l := range b.lines {
		fmt.Fprintf(to, `<text class="%s" x="%d" y="%d">%s</text>`, l.class, b.x+padding, b.y+padding/2+lineHeight*(i+1)-5, escaped(l.text))
	}
	to.WriteString("</g>\n")
}

// escaped returns text of XML.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}
