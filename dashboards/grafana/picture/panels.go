package picture

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
	"github.com/waitgraph/waitgraph/internal/monitoring"
)

// last returns the last number of a series.
func last(s monitoring.Series) (v float64, ok bool) {
	for _, sample := range slices.Backward(s.Samples) {
		if !math.IsNaN(sample.Value) {
			return sample.Value, true
		}
	}
	return 0, false
}

func drawStat(c *canvas, a area, p *grafana.Panel, answers []answer) {
	text, fill := p.FieldConfig.Defaults.NoValue, "#8e8ea0"
	for _, s := range answers[0].series {
		if v, ok := last(s); ok {
			text, fill = shown(v, &p.FieldConfig.Defaults)
		}
	}
	size := min(38, a.w/(0.62*float64(len([]rune(text)))))
	c.styled("big", a.x+a.w/2, a.y+a.h/2+size/3, fmt.Sprintf("font-size:%.0fpx;fill:%s", size, fill), text)
}

// shown returns how a value looks by mappings and thresholds.
func shown(v float64, f *grafana.Field) (text, fill string) {
	for _, m := range f.Mappings {
		if word, ok := m.Options[trim(v)]; ok {
			return word.Text, colour(word.Color)
		}
	}
	for _, s := range f.Thresholds.Steps {
		if s.Value == nil || v >= *s.Value {
			fill = colour(s.Color)
		}
	}
	return show(v, f.Unit, f.Decimals), fill
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// name returns what a legend says of a series.
func (a *answer) name(s monitoring.Series) string {
	return legendLabel.ReplaceAllStringFunc(a.Legend, func(m string) string { return s.Labels[m[2:len(m)-2]] })
}

// paint returns the colour of what is called so.
func paint(p *grafana.Panel, name string, place int) string {
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.Options == name {
			if c, ok := o.Properties[0].Value.(grafana.Color); ok {
				return colour(c.Fixed)
			}
		}
	}
	return palette[place%len(palette)]
}

func drawGauges(c *canvas, a area, p *grafana.Panel, answers []answer) {
	type bar struct {
		name string
		v    float64
	}
	var bars []bar
	most := 0.0
	for _, answer := range answers {
		for _, s := range answer.series {
			if v, ok := last(s); ok {
				bars = append(bars, bar{answer.name(s), v})
				most = max(most, v)
			}
		}
	}
	if len(bars) == 0 {
		c.text("sub", a.x+a.w/2, a.y+a.h/2, "No data")
		return
	}
	const labels, values = 110, 90
	step := min(a.h/float64(len(bars)), 64)
	top := a.y + (a.h-step*float64(len(bars)))/2
	for i, b := range bars {
		y, h := top+float64(i)*step, step*0.62
		fill := paint(p, b.name, i)
		c.text("label", a.x+4, y+h/2+5, b.name)
		full, long := a.w-labels-values, 2.0
		if most > 0 {
			long = max(long, full*max(b.v, 0)/most)
		}
		c.bar("#22252b", 1, a.x+labels, y, full, h)
		c.bar(fill, 0.75, a.x+labels, y, long, h)
		c.bar(fill, 1, a.x+labels+long-2, y, 2, h)
		c.styled("value", a.x+a.w-values+10, y+h/2+5, "fill:"+fill, show(b.v, p.FieldConfig.Defaults.Unit, p.FieldConfig.Defaults.Decimals))
	}
}

// drawTable draws the flows: the columns are named and placed as the panel's
// second transformation says.
func drawTable(c *canvas, a area, p *grafana.Panel, answers []answer) {
	organize := p.Transforms[1].Options
	places := organize["indexByName"].(map[string]int)
	names := organize["renameByName"].(map[string]string)
	columns := make([]string, len(places))
	for column, i := range places {
		columns[i] = column
	}
	var rows [][]string
	find := func(labels map[string]string) []string {
		for _, r := range rows {
			if r[0] == labels[columns[0]] && r[1] == labels[columns[1]] && r[2] == labels[columns[2]] {
				return r
			}
		}
		r := make([]string, len(columns))
		for i := range 3 {
			r[i] = labels[columns[i]]
		}
		rows = append(rows, r)
		return r
	}
	for i, answer := range answers {
		for _, s := range answer.series {
			v, _ := last(s)
			find(s.Labels)[3+i] = trim(v)
		}
	}
	slices.SortStableFunc(rows, func(a, b []string) int {
		return cmp.Or(cmp.Compare(number(b[4]), number(a[4])), cmp.Compare(number(b[3]), number(a[3])))
	})
	shares := []float64{0, 0.28, 0.56, 0.70, 0.82}
	for i, column := range columns {
		c.text("head", a.x+shares[i]*a.w+4, a.y+16, names[column])
	}
	const line = 27.0
	for i, r := range rows[:min(len(rows), int(a.h/line)-1)] {
		y := a.y + line*float64(i+1)
		c.line("rule", a.x, y, a.x+a.w, y)
		for j, text := range r {
			fill := ""
			if j == 4 && number(text) > 0 {
				fill = "fill:" + colour("red")
			}
			c.styled("label", a.x+shares[j]*a.w+4, y+18, fill, fit(text, a.w*0.27, 13))
		}
	}
}

func number(text string) float64 {
	v, _ := strconv.ParseFloat(text, 64)
	return v
}
