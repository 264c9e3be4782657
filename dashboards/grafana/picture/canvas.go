package picture

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
)

// Grafana's dark theme.
const style = `
text { font: 12px Inter, system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #ccccdc }
.page { fill: #111217 }
.panel { fill: #181b1f; stroke: #25282d }
.box { fill: #181b1f; stroke: #383b41 }
.title { font-size: 19px; font-weight: 600 }
.name { font-size: 13px; font-weight: 600 }
.row { font-size: 14px; font-weight: 600 }
.chevron { fill: none; stroke: #9a9ba6; stroke-width: 1.8 }
.boxed { font-size: 12px }
.tick { font-size: 10.5px; fill: #8e8ea0 }
.right { text-anchor: end }
.middle { text-anchor: middle }
.legend { font-size: 11px; fill: #b4b5c1 }
.grid { stroke: #25282d; stroke-width: 1 }
.mark { stroke: #f2495c; stroke-width: 1; stroke-dasharray: 3 4; opacity: 0.75 }
.big { font-weight: 600; text-anchor: middle }
.label { font-size: 13px }
.value { font-size: 15px; font-weight: 600 }
.head { font-size: 12px; font-weight: 600; fill: #6e9fff }
.rule { stroke: #25282d }
.node { fill: #22252b }
.stat { font-size: 15px; font-weight: 600; text-anchor: middle }
.sub { font-size: 10.5px; fill: #9a9ba6; text-anchor: middle }
.service { font-size: 12.5px; font-weight: 600; text-anchor: middle }
.plate { fill: #181b1f; opacity: 0.9 }
`

// colours are Grafana's names, and hexes its palette.
var colours = map[string]string{
	"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "purple": "#b877d9",
}

var palette = []string{"#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fade2a", "#447ebc", "#c15c17"}

func colour(name string) string {
	if c, ok := colours[name]; ok {
		return c
	}
	return name
}

// canvas collects the elements of an SVG.
type canvas struct{ strings.Builder }

func (c *canvas) add(format string, args ...any) { _, _ = fmt.Fprintf(c, format+"\n", args...) }

func (c *canvas) open(w, h float64, title string) {
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" role="img" aria-label="%s">`, w, h, w, html.EscapeString(title))
	c.add("<style>%s</style>", style)
	c.add(`<rect class="page" width="%.0f" height="%.0f"/>`, w, h)
}

func (c *canvas) close() { c.add("</svg>") }

func (c *canvas) text(class string, x, y float64, text string) {
	c.add(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, html.EscapeString(text))
}

func (c *canvas) styled(class string, x, y float64, attributes, text string) {
	c.add(`<text class="%s" x="%.1f" y="%.1f" style="%s">%s</text>`, class, x, y, attributes, html.EscapeString(text))
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	c.add(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>`, class, x, y, w, h)
}

func (c *canvas) bar(fill string, opacity, x, y, w, h float64) {
	c.add(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" fill-opacity="%.2f"/>`, x, y, w, h, fill, opacity)
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.add(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (c *canvas) path(class, format string, args ...any) {
	c.add(`<path class="%s" d="%s"/>`, class, fmt.Sprintf(format, args...))
}

// textWidth estimates the width of a text by the size of its letters.
func textWidth(text string, size float64) float64 { return 0.56 * size * float64(len([]rune(text))) }

// fit shortens a text to a width.
func fit(text string, w, size float64) string {
	letters := []rune(text)
	if most := int(w / (0.56 * size)); len(letters) > most && most > 1 {
		return string(letters[:most-1]) + "…"
	}
	return text
}

// show formats a value by Grafana's name of its unit.
func show(v float64, unit string, decimals *int) string {
	digits := func(least int, v float64) string {
		if decimals != nil {
			least = *decimals
		}
		return strconv.FormatFloat(v, 'f', least, 64)
	}
	switch unit {
	case "s":
		return showSeconds(v, decimals)
	case "percentunit":
		return digits(1, 100*v) + "%"
	case "bytes":
		for _, name := range []string{"B", "KiB", "MiB", "GiB"} {
			if v < 1024 || name == "GiB" {
				return digits(1, v) + " " + name
			}
			v /= 1024
		}
	case "ops":
		return trim(v) + " ops/s"
	}
	return trim(v)
}

func showSeconds(v float64, decimals *int) string {
	places := 2
	if decimals != nil {
		places = *decimals
	}
	scaled, unit := v, "s"
	switch {
	case v == 0:
		return "0 s"
	case math.Abs(v) < 1e-3:
		scaled, unit = v*1e6, "µs"
	case math.Abs(v) < 1:
		scaled, unit = v*1e3, "ms"
	case math.Abs(v) >= 120:
		return strconv.FormatFloat(v/60, 'f', 1, 64) + " min"
	}
	return strconv.FormatFloat(scaled, 'f', min(places, 2), 64) + " " + unit
}

// trim shows three digits at most.
func trim(v float64) string {
	if v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// clock shows an instant on an axis.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
