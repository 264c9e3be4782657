package picture

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
	"github.com/waitgraph/waitgraph/internal/monitoring"
)

// curve is a series with its looks.
type curve struct {
	name, fill string
	samples    []monitoring.Sample
}

// plot is a time series panel's plane.
type plot struct {
	*canvas
	area
	from, to    time.Time
	least, most float64
	log         bool
}

func (p *plot) px(t time.Time) float64 {
	return p.x + p.w*t.Sub(p.from).Seconds()/p.to.Sub(p.from).Seconds()
}

func (p *plot) py(v float64) float64 {
	if p.log {
		return p.y + p.h*(1-math.Log(max(v, p.least)/p.least)/math.Log(p.most/p.least))
	}
	return p.y + p.h*(1-(v-p.least)/(p.most-p.least))
}

func (b Board) drawSeries(c *canvas, a area, p *grafana.Panel, answers []answer, marks []time.Time) {
	custom := p.FieldConfig.Defaults.Custom
	var curves []curve
	for i := range answers {
		for _, s := range answers[i].series {
			name := answers[i].name(s)
			curves = append(curves, curve{name, paint(p, name, len(curves)), s.Samples})
		}
	}
	const legend, ticks, axis = 22, 18, 58
	pl := plot{canvas: c, area: area{a.x + axis, a.y + 4, a.w - axis - 6, a.h - legend - ticks - 4}, from: b.From, to: b.To}
	_, pl.log = custom["scaleDistribution"]
	style, _ := custom["drawStyle"].(string)
	pl.scale(curves, style == "bars")
	pl.grid(p)
	for _, at := range marks {
		pl.line("mark", pl.px(at), pl.y, pl.px(at), pl.y+pl.h)
	}
	switch style {
	case "bars":
		pl.bars(curves, b.step())
	case "points":
		for _, k := range curves {
			pl.points(k)
		}
	default:
		for _, k := range curves {
			pl.lines(k, custom["lineInterpolation"] == "stepAfter", 3*b.step())
		}
	}
	drawLegend(c, area{a.x + 4, a.y + a.h - 6, a.w - 8, 0}, curves)
}

// scale finds the range of values, stacked or not.
func (p *plot) scale(curves []curve, stacked bool) {
	p.least, p.most = math.Inf(1), 0
	sums := make(map[int64]float64)
	for _, k := range curves {
		for _, s := range k.samples {
			v := s.Value
			if math.IsNaN(v) {
				continue
			}
			if stacked {
				sums[s.At.Unix()] += v
				v = sums[s.At.Unix()]
			}
			p.most = max(p.most, v)
			if v > 0 {
				p.least = min(p.least, v)
			}
		}
	}
	switch {
	case !p.log:
		p.least, p.most = 0, nice(p.most)
	case p.most == 0:
		p.least, p.most = 1e-3, 10
	default:
		p.least, p.most = math.Pow(10, math.Floor(math.Log10(p.least))), math.Pow(10, math.Ceil(math.Log10(p.most*1.05)))
	}
}

// nice returns a round number at which an axis can end.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	magnitude := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8, 10} {
		if v*1.05 <= m*magnitude {
			return m * magnitude
		}
	}
	return 10 * magnitude
}

func (p *plot) grid(panel *grafana.Panel) {
	var values []float64
	if p.log {
		decades := math.Round(math.Log10(p.most / p.least))
		for every, v := math.Pow(10, math.Ceil(decades/4)), p.least; v <= p.most*1.001; v *= every {
			values = append(values, v)
		}
	} else {
		for i := range 5 {
			values = append(values, p.most*float64(i)/4)
		}
	}
	for _, v := range values {
		y := p.py(v)
		p.line("grid", p.x, y, p.x+p.w, y)
		p.text("tick right", p.x-7, y+4, show(v, panel.FieldConfig.Defaults.Unit, nil))
	}
	count := int(max(2, p.w/110))
	for i := range count {
		at := p.from.Add(time.Duration(float64(i) / float64(count) * float64(p.to.Sub(p.from))))
		p.text("tick", p.px(at), p.y+p.h+15, clock(at))
	}
}

func (p *plot) bars(curves []curve, step time.Duration) {
	w := max(p.w*step.Seconds()/p.to.Sub(p.from).Seconds()-0.6, 1)
	sums := make(map[int64]float64)
	for _, k := range curves {
		for _, s := range k.samples {
			if s.Value > 0 {
				low := sums[s.At.Unix()]
				sums[s.At.Unix()] = low + s.Value
				top := p.py(low + s.Value)
				x := min(p.px(s.At), p.x+p.w-w)
				p.bar(k.fill, 0.85, x, top, w, p.py(low)-top)
			}
		}
	}
}

func (p *plot) points(k curve) {
	for _, s := range k.samples {
		if !math.IsNaN(s.Value) && s.Value > 0 {
			p.add(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, p.px(s.At), p.py(s.Value), k.fill)
		}
	}
}

// lines draws a line, broken where there was nothing for a time.
func (p *plot) lines(k curve, stepped bool, broken time.Duration) {
	var path strings.Builder
	var before monitoring.Sample
	var start float64
	end := func() {
		if path.Len() > 0 {
			p.add(`<path d="%sL%.1f %.1fL%.1f %.1fZ" fill="%s" fill-opacity="0.12"/>`, path.String(), p.px(before.At), p.y+p.h, start, p.y+p.h, k.fill)
			p.add(`<path d="%s" fill="none" stroke="%s" stroke-width="1.8" stroke-linejoin="round"/>`, path.String(), k.fill)
			path.Reset()
		}
	}
	for _, s := range k.samples {
		if math.IsNaN(s.Value) {
			continue
		}
		x, y := p.px(s.At), p.py(s.Value)
		switch {
		case path.Len() == 0 || s.At.Sub(before.At) > broken:
			end()
			start = x
			fmt.Fprintf(&path, "M%.1f %.1f", x, y)
		case stepped:
			fmt.Fprintf(&path, "H%.1fV%.1f", x, y)
		default:
			fmt.Fprintf(&path, "L%.1f %.1f", x, y)
		}
		before = s
	}
	end()
}

func drawLegend(c *canvas, a area, curves []curve) {
	x := a.x
	for i, k := range curves {
		w := textWidth(k.name, 11) + 30
		if x+w > a.x+a.w-70 && i < len(curves)-1 {
			c.text("legend", x, a.y+4, fmt.Sprintf("and %d more", len(curves)-i))
			return
		}
		c.bar(k.fill, 1, x, a.y-2, 12, 3)
		c.text("legend", x+17, a.y+4, k.name)
		x += w
	}
}
