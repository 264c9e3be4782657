package svg

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// Sizes in pixels.
const (
	stub     = 18 // from a box to where an arrow forks or ends
	diamond  = 5
	minCurve = 28
	maxCurve = columnGap - 16
)

// side is where an arrow touches a box.
type side int

const (
	left  side = -1
	right side = 1
)

// point is where an arrow begins or ends, and whither it goes from there.
type point struct {
	x, y int
	side side
}

// arrow draws the wait of a port.
func (b *box) arrow(to *bytes.Buffer, i int) {
	t := &b.ports[i]
	fmt.Fprintf(to, `<g class="%s"><title>%s</title>`, b.state.class("wait"), escaped(t.sentence(b)))
	out := b.out(i)
	switch {
	case len(t.holders) == 0:
		end := out.x + int(out.side)*stub
		fmt.Fprintf(to, `<path d="M%d %dH%dm-4 -4l8 8m0 -8l-8 8"/>`, out.x, out.y, end)
	case len(t.holders) == 1 && t.wait.HolderCount <= 1:
		fmt.Fprintf(to, `<path marker-end="url(#tip%s)" d="%s"/>`, b.state, curve(out, b.into(t.holders[0], out)))
	default:
		b.fork(to, t, out)
	}
	to.WriteString("</g>\n")
}

// fork draws a wait that any of several can end.
func (b *box) fork(to *bytes.Buffer, t *port, out point) {
	from := out
	from.x += int(out.side) * stub
	fmt.Fprintf(to, `<path d="M%d %dH%d"/>`, out.x, out.y, from.x)
	for _, h := range t.holders {
		fmt.Fprintf(to, `<path marker-end="url(#tip%s)" d="%s"/>`, b.state, curve(from, b.into(h, from)))
	}
	fmt.Fprintf(to, `<path class="fork" d="M%d %dl%d %dl%d %dl%d %dz"/>`, from.x-diamond, from.y, diamond, -diamond, diamond, diamond, -diamond, diamond)
}

// out returns where an arrow leaves a box: towards most of its ends.
func (b *box) out(i int) point {
	leftward := 0
	for _, h := range b.ports[i].holders {
		if h.column < b.column {
			leftward++
		}
	}
	y := b.y + padding/2 + lineHeight*(len(b.lines)-len(b.ports)+i) + lineHeight/2
	if 2*leftward > len(b.ports[i].holders) {
		return point{b.x, y, left}
	}
	return point{b.x + b.w, y, right}
}

// into returns where an arrow enters a box: at its name.
func (b *box) into(holder *box, from point) point {
	y := holder.y + padding/2 + lineHeight/2
	if holder.x > from.x {
		return point{holder.x, y, left}
	}
	return point{holder.x + holder.w, y, right}
}

// curve returns a path that leaves and arrives level. What begins and ends at the
// same side gets round the more, the longer its way.
func curve(a, z point) string {
	reach := abs(z.x-a.x) / 2
	if a.side == z.side {
		reach = abs(z.y-a.y) / 5
	}
	reach = min(max(reach, minCurve), maxCurve)
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", a.x, a.y, a.x+int(a.side)*reach, a.y, z.x+int(z.side)*reach, z.y, z.x, z.y)
}

func abs(n int) int { return max(n, -n) }

// sentence tells the whole of a wait.
func (t *port) sentence(b *box) string {
	s := b.node.Name + " waits"
	if !t.wait.Since.IsZero() {
		s += " since " + t.wait.Since.Format(time.RFC3339Nano)
	}
	s += " for " + t.words()
	names := make([]string, len(t.holders))
	for i, h := range t.holders {
		names[i] = h.node.Name
	}
	if len(names) == 0 {
		return explain.Printable(s + "; nobody is known to hold it")
	}
	return explain.Printable(s + ", held by " + strings.Join(names, " or "))
}
