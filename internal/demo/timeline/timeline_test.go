package timeline_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo/timeline"
)

// draw returns the chart's SVG after checking that it is well-formed.
func draw(t *testing.T, c timeline.Chart) string {
	t.Helper()
	var b strings.Builder
	if err := c.WriteSVG(&b); err != nil {
		t.Fatalf("WriteSVG: %v", err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return b.String()
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, b.String())
		}
	}
}

func TestHostileTextIsEscaped(t *testing.T) {
	const hostile = `</text><script>"'&` + "\x00\xff"
	svg := draw(t, timeline.Chart{Title: hostile, Subtitle: hostile, Panels: []timeline.Panel{{
		Title: hostile, Note: hostile,
		Lanes: []timeline.Lane{{
			Name:    hostile,
			Bars:    []timeline.Bar{{To: time.Minute, Label: hostile, Tip: hostile}},
			Crashes: []time.Duration{time.Second},
		}},
		Marks: []timeline.Mark{{At: time.Millisecond, Label: hostile}},
	}}})
	if strings.Contains(svg, "<script") {
		t.Errorf("markup got through:\n%s", svg)
	}
}

func TestNothingToShow(t *testing.T) {
	draw(t, timeline.Chart{})
	draw(t, timeline.Chart{Panels: []timeline.Panel{{Lanes: []timeline.Lane{{}}}}})
}

// All panels share one axis, whose end is the latest instant of any.
func TestOneAxis(t *testing.T) {
	bar := func(to time.Duration) timeline.Panel {
		return timeline.Panel{Lanes: []timeline.Lane{{Bars: []timeline.Bar{{To: to}}}}}
	}
	svg := draw(t, timeline.Chart{Panels: []timeline.Panel{bar(5 * time.Second), bar(10 * time.Second)}})
	for _, want := range []string{`width="374"`, `width="748"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("no bar of %s:\n%s", want, svg)
		}
	}
}

func TestLabelsStandClearOfMarks(t *testing.T) {
	svg := draw(t, timeline.Chart{Panels: []timeline.Panel{{
		Lanes: []timeline.Lane{{Bars: []timeline.Bar{{To: 10 * time.Second, Label: "fits"}, {To: 100 * time.Millisecond, Label: "too long"}}}},
		Marks: []timeline.Mark{{At: time.Second}},
	}}})
	if !strings.Contains(svg, `x="288.8" y="153.5">fits<`) || strings.Contains(svg, "too long") {
		t.Errorf("labels are not where they should be:\n%s", svg)
	}
}

// A name that is too long keeps what begins and what ends it.
func TestLongNames(t *testing.T) {
	lane := func(name string) timeline.Panel { return timeline.Panel{Lanes: []timeline.Lane{{Name: name}}} }
	svg := draw(t, timeline.Chart{Panels: []timeline.Panel{
		lane("pool.work/caller@vm:16094-7#dn0siue1vsda/2"), lane("just.as.long.as.there.is."),
	}})
	for _, want := range []string{">pool.work/ca…0siue1vsda/2<", ">just.as.long.as.there.is.<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("there is no %s:\n%s", want, svg)
		}
	}
}

func TestWriterErrorIsReturned(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	if err := (timeline.Chart{}).WriteSVG(w); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("WriteSVG = %v", err)
	}
}
