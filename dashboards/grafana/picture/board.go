package picture

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
	"github.com/waitgraph/waitgraph/internal/monitoring"
)

// Measures in pixels. A cell is one column and one row of Grafana's grid.
const (
	cellWidth  = 58.0
	cellHeight = 34.0
	gap        = 8.0
	margin     = 16.0
	headHeight = 62.0
	width      = 24*cellWidth + 2*margin
)

// samples is how many there are along the axis of time.
const samples = 150

// Board is a dashboard about one detector within a range of time.
type Board struct {
	grafana.Dashboard
	Instance string
	From, To time.Time
}

// answer is what a query returned.
type answer struct {
	grafana.Target
	series []monitoring.Series
}

// Draw asks for the data of each panel and writes the picture.
func (b Board) Draw(ctx context.Context, w io.Writer, p *monitoring.Server) error {
	c := &canvas{}
	bottom := 0
	for _, panel := range b.Panels {
		bottom = max(bottom, panel.GridPos.Y+panel.GridPos.H)
	}
	c.open(width, headHeight+float64(bottom)*cellHeight+margin, b.Title)
	b.head(c)
	marks, err := b.marks(ctx, p)
	if err != nil {
		return err
	}
	for _, panel := range b.Panels {
		answers := make([]answer, 0, len(panel.Targets))
		for _, t := range panel.Targets {
			series, err := b.ask(ctx, p, t.Expr, t.Instant)
			if err != nil {
				return fmt.Errorf("draw %s: %w", panel.Title, err)
			}
			answers = append(answers, answer{t, series})
		}
		b.panel(c, panel, answers, marks)
	}
	c.close()
	_, err = io.WriteString(w, c.String())
	return err
}

// step is the time between two samples.
func (b Board) step() time.Duration {
	return max(b.To.Sub(b.From)/samples, 4*time.Second).Round(time.Second)
}

func (b Board) ask(ctx context.Context, p *monitoring.Server, expr string, instant bool) ([]monitoring.Series, error) {
	window := b.step() + time.Second
	expr = strings.NewReplacer(
		"$instance", b.Instance, "$__rate_interval", seconds(window), "$__range", seconds(b.To.Sub(b.From)),
	).Replace(expr)
	var series []monitoring.Series
	var err error
	if instant {
		series, err = p.Query(ctx, expr)
	} else {
		series, err = p.QueryRange(ctx, expr, b.From, b.To, b.step())
	}
	slices.SortStableFunc(series, func(a, b monitoring.Series) int { return cmp.Compare(fmt.Sprint(a.Labels), fmt.Sprint(b.Labels)) })
	return series, err
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }

// marks returns when something is marked in all panels: once for each time that
// it begins.
func (b Board) marks(ctx context.Context, p *monitoring.Server) ([]time.Time, error) {
	var all []time.Time
	for _, m := range b.Annotations.List {
		series, err := b.ask(ctx, p, m.Expr, false)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", m.Name, err)
		}
		for _, s := range series {
			var last time.Time
			for _, v := range s.Samples {
				if v.At.Sub(last) > 3*b.step() {
					all = append(all, v.At)
				}
				last = v.At
			}
		}
	}
	return all, nil
}

func (b Board) head(c *canvas) {
	c.text("title", margin, 36, b.Title)
	x := width - margin
	for _, box := range []string{"Last " + b.To.Sub(b.From).Round(time.Second).String(), "Detector  " + b.Instance, "Data source  Prometheus"} {
		w := 1.12*textWidth(box, 12) + 26
		x -= w
		c.rect("box", x, 17, w-8, 28)
		c.text("boxed", x+7, 35, box)
	}
}

// panel draws the frame of a panel, and what is in it.
func (b Board) panel(c *canvas, p *grafana.Panel, answers []answer, marks []time.Time) {
	a := area{
		x: margin + float64(p.GridPos.X)*cellWidth, y: headHeight + float64(p.GridPos.Y)*cellHeight,
		w: float64(p.GridPos.W)*cellWidth - gap, h: float64(p.GridPos.H)*cellHeight - gap,
	}
	if p.GridPos.X+p.GridPos.W == 24 {
		a.w += gap
	}
	if p.Type == "row" {
		c.path("chevron", "M%.1f %.1fl5 5l5 -5", a.x+2, a.y+11)
		c.text("row", a.x+20, a.y+19, p.Title)
		return
	}
	c.rect("panel", a.x, a.y, a.w, a.h)
	c.text("name", a.x+11, a.y+21, fit(p.Title, a.w-20, 13))
	inner := area{a.x + 11, a.y + 30, a.w - 22, a.h - 40}
	switch p.Type {
	case "stat":
		drawStat(c, inner, p, answers)
	case "bargauge":
		drawGauges(c, inner, p, answers)
	case "table":
		drawTable(c, inner, p, answers)
	case "nodeGraph":
		drawGraph(c, inner, answers)
	default:
		b.drawSeries(c, inner, p, answers, marks)
	}
}

// area is a part of the picture.
type area struct{ x, y, w, h float64 }
