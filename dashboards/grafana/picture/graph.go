package picture

import (
	"math"
)

// radius is that of a node.
const radius = 40.0

type spot struct{ x, y float64 }

// drawGraph draws services on an ellipse, and arrows between them. The rows are
// those of the two queries of a node graph panel.
func drawGraph(c *canvas, a area, answers []answer) {
	nodes, edges := answers[0].series, answers[1].series
	at := make(map[string]spot)
	lowest := -1.0
	for i := range nodes {
		lowest = max(lowest, math.Sin(around(i, len(nodes))))
	}
	for i, n := range nodes {
		turn := around(i, len(nodes))
		x, y := math.Cos(turn), 2*(math.Sin(turn)+1)/(lowest+1.001)-1
		at[n.Labels["id"]] = spot{a.x + a.w/2 + (a.w/2-190)*x, a.y + a.h/2 - 12 + (a.h/2-100)*y}
	}
	for _, e := range edges {
		from, to := at[e.Labels["source"]], at[e.Labels["target"]]
		if from == to {
			drawLoop(c, from, a, e.Labels)
			continue
		}
		drawEdge(c, from, to, e.Labels)
	}
	for _, n := range nodes {
		s, l := at[n.Labels["id"]], n.Labels
		c.add(`<circle class="node" cx="%.1f" cy="%.1f" r="%.1f" stroke="%s" stroke-width="4"/>`, s.x, s.y, radius, colour(l["color"]))
		c.text("stat", s.x, s.y+5, l["mainstat"])
		c.text("service", s.x, s.y+radius+20, l["title"])
		c.text("sub", s.x, s.y+radius+35, l["subtitle"])
	}
}

// around returns the angle of a node, clockwise from the top.
func around(i, n int) float64 { return 2*math.Pi*float64(i)/float64(n) - math.Pi/2 }

// drawLoop draws an arrow from a node to itself, on its outer side.
func drawLoop(c *canvas, at spot, a area, labels map[string]string) {
	side := 1.0
	if at.x < a.x+a.w/2-1 {
		side = -1
	}
	fill, far := colour(labels["color"]), side*(radius+70)
	c.add(`<path d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f" fill="none" stroke="%s" stroke-width="2" opacity="0.9"/>`,
		at.x+side*(radius*0.75+3), at.y-radius*0.75, at.x+far, at.y-radius*1.4, at.x+far, at.y+radius*1.4, at.x+side*(radius*0.75+8), at.y+radius*0.75+3, fill)
	tip := spot{at.x + side*(radius*0.75+2), at.y + radius*0.75}
	c.add(`<path d="M%.1f %.1fl%.1f 1l%.1f 9Z" fill="%s"/>`, tip.x, tip.y, side*12, -side*6, fill)
	label := spot{at.x + side*(radius+52), at.y}
	c.rect("plate", label.x-26, label.y-16, 52, 32)
	c.text("stat", label.x, label.y, labels["mainstat"])
	c.text("sub", label.x, label.y+12, labels["secondarystat"])
}

// drawEdge draws an arrow that bends to its right, so that there and back are two.
func drawEdge(c *canvas, from, to spot, labels map[string]string) {
	dx, dy := to.x-from.x, to.y-from.y
	long := math.Hypot(dx, dy)
	ux, uy := dx/long, dy/long
	const bend = 0.14
	mid := spot{(from.x+to.x)/2 - uy*long*bend, (from.y+to.y)/2 + ux*long*bend}
	start, end := toward(from, mid, radius+4), toward(to, mid, radius+9)
	fill := colour(labels["color"])
	c.add(`<path d="M%.1f %.1fQ%.1f %.1f %.1f %.1f" fill="none" stroke="%s" stroke-width="2" opacity="0.9"/>`, start.x, start.y, mid.x, mid.y, end.x, end.y, fill)
	tip := toward(to, mid, radius+3)
	hx, hy := (tip.x-mid.x)/math.Hypot(tip.x-mid.x, tip.y-mid.y), (tip.y-mid.y)/math.Hypot(tip.x-mid.x, tip.y-mid.y)
	c.add(`<path d="M%.1f %.1fL%.1f %.1fL%.1f %.1fZ" fill="%s"/>`, tip.x, tip.y,
		tip.x-11*hx-5*hy, tip.y-11*hy+5*hx, tip.x-11*hx+5*hy, tip.y-11*hy-5*hx, fill)
	label := spot{(start.x + 2*mid.x + end.x) / 4, (start.y + 2*mid.y + end.y) / 4}
	c.rect("plate", label.x-26, label.y-16, 52, 30)
	c.text("stat", label.x, label.y, labels["mainstat"])
	c.text("sub", label.x, label.y+12, labels["secondarystat"])
}

// toward returns the point at a distance from a spot on the way to another.
func toward(from, to spot, distance float64) spot {
	long := math.Hypot(to.x-from.x, to.y-from.y)
	return spot{from.x + (to.x-from.x)*distance/long, from.y + (to.y-from.y)*distance/long}
}
