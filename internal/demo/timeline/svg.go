package timeline

import (
	"fmt"
	"io"
	"math"
	"time"
)

// Measures in user units, which are pixels at the natural size.
const (
	width       = 1000.0
	margin      = 24.0
	gutter      = 180.0 // for the names of the lanes
	headHeight  = 92.0  // title and legend
	panelHead   = 28.0
	markHeight  = 18.0 // above the lanes, for the labels of marks
	laneHeight  = 23.0
	barHeight   = 15.0
	axisHeight  = 34.0
	letter      = 6.1 // mean width of a letter in a bar
	nameLetters = 25  // what the gutter has room for
)

// WriteSVG draws the chart.
func (c Chart) WriteSVG(w io.Writer) error {
	height := headHeight + margin/2
	for _, p := range c.Panels {
		height += p.height()
	}
	d := drawing{canvas: newCanvas(w), end: max(c.end(), time.Second)}
	d.open(width, height, c.Title)
	d.rect("page", 0, 0, width, height, "")
	d.head(c)
	y := headHeight
	for _, p := range c.Panels {
		d.panel(p, y)
		y += p.height()
	}
	return d.close()
}

func (p Panel) height() float64 {
	return p.head() + float64(len(p.Lanes))*laneHeight + axisHeight
}

func (p Panel) head() float64 {
	if len(p.Marks) > 0 {
		return panelHead + markHeight
	}
	return panelHead
}

// drawing is a canvas with a time axis.
type drawing struct {
	*canvas
	end time.Duration // at the right margin
}

// x returns where an instant lies.
func (d drawing) x(at time.Duration) float64 {
	const left, right = margin + gutter, width - 2*margin
	return math.Round(10*(left+(right-left)*at.Seconds()/d.end.Seconds())) / 10
}

func (d drawing) head(c Chart) {
	d.text("title", margin, 32, c.Title)
	d.text("note", margin, 52, c.Subtitle)
	x := margin
	for _, item := range []struct {
		class, label string
		width        float64
	}{{"core", "deadlocked", 100}, {"unanswered", "unanswered", 100}, {"answered", "answered", 86}, {"mark", "detected", 82}} {
		d.rect(item.class, x, 66, 14, 10, "")
		d.text("legend", x+20, 75, item.label)
		x += item.width
	}
	d.cross(x+7, 71, "crash")
	d.text("legend", x+20, 75, "crash by own timeout")
}

// panel draws p with its upper edge at top.
func (d drawing) panel(p Panel, top float64) {
	d.text("panel", margin, top+18, p.Title)
	d.text("note end", width-margin, top+18, p.Note)
	first := top + p.head()
	last := first + float64(len(p.Lanes))*laneHeight
	d.axis(first, last)
	labels := 0.0 // those of bars begin right of the last mark
	for _, m := range p.Marks {
		labels = max(labels, d.x(m.At))
	}
	for i, l := range p.Lanes {
		d.lane(l, first+float64(i)*laneHeight, labels)
	}
	for _, m := range p.Marks {
		d.line("mark", d.x(m.At), first-4, d.x(m.At), last)
		d.text("marked", d.x(m.At)+4, first-7, m.Label)
	}
}

// axis draws the grid behind the lanes and the seconds below them.
func (d drawing) axis(top, bottom float64) {
	step := time.Second
	for d.end/step > 12 {
		step *= 5
	}
	for at := time.Duration(0); at <= d.end; at += step {
		d.line("grid", d.x(at), top, d.x(at), bottom)
		d.text("tick", d.x(at), bottom+14, fmt.Sprintf("%d s", at/time.Second))
	}
}

// lane draws l with its upper edge at top.
func (d drawing) lane(l Lane, top, labels float64) {
	middle := top + laneHeight/2
	d.text("lane", margin+gutter-12, middle+4, short(l.Name))
	for _, b := range l.Bars {
		d.bar(b, middle, labels)
	}
	for _, at := range l.Crashes {
		d.cross(d.x(at), middle, fmt.Sprintf("%s crashed after %.3f s", l.Name, at.Seconds()))
	}
}

// short returns a name without its middle if it is too long for the gutter.
func short(name string) string {
	letters := []rune(name)
	if len(letters) <= nameLetters {
		return name
	}
	const half = nameLetters / 2
	return string(letters[:half]) + "…" + string(letters[len(letters)-half:])
}

// classes are the style's names of the kinds of bar.
var classes = [...]string{Answered: "answered", Unanswered: "unanswered", Core: "core"}

func (d drawing) bar(b Bar, middle, labels float64) {
	class := classes[b.Kind]
	x := d.x(b.From)
	w := max(d.x(b.To)-x, 2) // the shortest wait is still to be seen
	d.rect(class, x, middle-barHeight/2, w, barHeight, b.Tip)
	if start := max(x, labels) + 10; start+float64(len(b.Label))*letter+10 < x+w {
		d.text("on "+class, start, middle+4, b.Label)
	}
}
