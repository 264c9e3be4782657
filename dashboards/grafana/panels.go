package grafana

import "strings"

// source is chosen at the top of each dashboard.
var source = Source{"prometheus", "${datasource}"}

// Colours by their names in Grafana's palette.
const (
	green  = "green"
	orange = "orange"
	red    = "red"
	blue   = "blue"
	purple = "purple"
	grey   = "#8e8e8e"
)

// query is one query with the name of what it returns.
type query struct{ expr, legend string }

// change changes a panel; builders take any number.
type change func(*Panel)

func panel(kind, title, description, unit string, queries []query, changes []change) *Panel {
	p := &Panel{
		Type: kind, Title: title, Description: description, Datasource: &source,
		FieldConfig: &Fields{Defaults: Field{Unit: unit, Color: Color{Mode: "palette-classic"}, Mappings: []Mapping{}}, Overrides: []Override{}},
	}
	for i, q := range queries {
		p.Targets = append(p.Targets, Target{
			RefID: string(rune('A' + i)), Datasource: source, Expr: q.expr, Legend: q.legend, EditorMode: "code", Format: "time_series", Range: true,
		})
	}
	for _, c := range changes {
		c(p)
	}
	return p
}

// series draws lines over time.
func series(title, description, unit string, queries []query, changes ...change) *Panel {
	p := panel("timeseries", title, description, unit, queries, nil)
	p.GridPos = Place{H: 8, W: 12}
	p.FieldConfig.Defaults.Min = new(float64)
	p.FieldConfig.Defaults.Custom = map[string]any{"drawStyle": "line", "lineWidth": 2, "fillOpacity": 12, "showPoints": "auto", "spanNulls": false}
	p.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	for _, c := range changes {
		c(p)
	}
	return p
}

// stat shows one value in large letters.
func stat(title, description, unit, expr string, changes ...change) *Panel {
	p := panel("stat", title, description, unit, []query{{expr, title}}, nil)
	p.GridPos = Place{H: 4, W: 4}
	p.Targets[0].Instant, p.Targets[0].Range = true, false
	p.FieldConfig.Defaults.Color = Color{Mode: "thresholds"}
	p.FieldConfig.Defaults.Thresholds = steps(green)
	p.FieldConfig.Defaults.NoValue = "none"
	p.Options = map[string]any{
		"colorMode": "value", "graphMode": "none", "justifyMode": "center", "textMode": "value", "orientation": "auto", "wideLayout": true,
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
	for _, c := range changes {
		c(p)
	}
	return p
}

// gauges compare values by horizontal bars.
func gauges(title, description, unit string, queries []query, changes ...change) *Panel {
	p := panel("bargauge", title, description, unit, queries, nil)
	p.GridPos = Place{H: 8, W: 12}
	for i := range p.Targets {
		p.Targets[i].Instant, p.Targets[i].Range = true, false
	}
	p.FieldConfig.Defaults.Min = new(float64)
	p.Options = map[string]any{
		"displayMode": "gradient", "orientation": "horizontal", "valueMode": "color", "showUnfilled": true, "minVizHeight": 16, "minVizWidth": 8,
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
	for _, c := range changes {
		c(p)
	}
	return p
}

// row begins a row of panels.
func row(title string) *Panel {
	return &Panel{Type: "row", Title: title, Collapsed: new(bool), Panels: []*Panel{}, GridPos: Place{H: 1, W: 24}}
}

func size(w, h int) change { return func(p *Panel) { p.GridPos.W, p.GridPos.H = w, h } }

func decimals(n int) change { return func(p *Panel) { p.FieldConfig.Defaults.Decimals = &n } }

// exemplars marks the traces of single events.
func exemplars(p *Panel) {
	for i := range p.Targets {
		p.Targets[i].Exemplar = true
	}
}

// bars draws how many there were, each by itself.
func bars(p *Panel) {
	p.FieldConfig.Defaults.Custom["drawStyle"] = "bars"
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 80
	p.FieldConfig.Defaults.Custom["lineWidth"] = 1
	p.FieldConfig.Defaults.Custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
}

// points draws what there is only now and then.
func points(p *Panel) {
	p.FieldConfig.Defaults.Custom["drawStyle"] = "points"
	p.FieldConfig.Defaults.Custom["pointSize"] = 7
}

// stepped draws what holds until it changes.
func stepped(p *Panel) { p.FieldConfig.Defaults.Custom["lineInterpolation"] = "stepAfter" }

// logarithmic draws the axis so that milliseconds can be seen beside seconds.
func logarithmic(p *Panel) {
	p.FieldConfig.Defaults.Min = nil
	p.FieldConfig.Defaults.Custom["scaleDistribution"] = map[string]any{"type": "log", "log": 10}
}

// levels colours values by thresholds: a colour, and then pairs of a value and
// the colour from it on.
func levels(first string, more ...any) change {
	return func(p *Panel) { p.FieldConfig.Defaults.Thresholds = steps(first, more...) }
}

func steps(first string, more ...any) *Thresholds {
	t := &Thresholds{Mode: "absolute", Steps: []Step{{Color: first}}}
	for i := 0; i+1 < len(more); i += 2 {
		v := more[i].(float64)
		t.Steps = append(t.Steps, Step{more[i+1].(string), &v})
	}
	return t
}

// words shows 1 and 0 as words.
func words(one, oneColor, zero, zeroColor string) change {
	return func(p *Panel) {
		p.FieldConfig.Defaults.Mappings = []Mapping{{Type: "value", Options: map[string]Mapped{
			"1": {one, oneColor, 0}, "0": {zero, zeroColor, 1},
		}}}
	}
}

// colored gives what is named so a colour of its own.
func colored(pairs ...string) change {
	return func(p *Panel) {
		for i := 0; i+1 < len(pairs); i += 2 {
			p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, Override{
				Matcher{"byName", pairs[i]}, []Property{{"color", Color{"fixed", pairs[i+1]}}},
			})
		}
	}
}

// ours completes an expression: metrics are written without their common
// selector.
//
//	rate(waitgraph_x{a="b"}[@])   becomes   rate(waitgraph_x{instance="$instance",a="b"}[$__rate_interval])
func ours(expr string) string {
	return strings.NewReplacer("{}", `{instance="$instance"}`, "{", `{instance="$instance",`, "[@]", "[$__rate_interval]", "[range]", "[$__range]").Replace(expr)
}

// build completes a dashboard: what all have in common, the places of panels
// from left to right, their numbers, and what is short in their queries.
func build(uid, title, description string, panels ...*Panel) Dashboard {
	d := Dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{"waitgraph"}, GraphTooltip: 1, SchemaVersion: 39,
		Refresh: "10s", Timezone: "browser", Time: Span{"now-1h", "now"}, Panels: panels,
		Links: []Link{{
			Title: "waitgraph", Type: "dashboards", Tags: []string{"waitgraph"}, Icon: "external link", Tooltip: "The other dashboards of waitgraph", IncludeVars: true, KeepTime: true,
		}},
		Templating: Templating{[]Variable{
			{Name: "datasource", Label: "Data source", Description: "The Prometheus that scrapes the detector.", Type: "datasource", Query: "prometheus"},
			{
				Name: "instance", Label: "Detector", Description: "The detector, by the address at which it is scraped.", Type: "query", Datasource: &source,
				Query: map[string]any{"query": "label_values(waitgraph_connected, instance)", "refId": "instances"}, Refresh: 2, Sort: 1,
			},
		}},
		Annotations: Marks{[]Mark{{
			Name: "Deadlocks confirmed", Enable: true, IconColor: red, Datasource: source, Step: "15s", TitleFormat: "Deadlock confirmed", TextFormat: "{{kind}}",
			Expr: ours(`sum by (kind) (increase(waitgraph_verdicts_total{status="confirmed"}[@])) > 0`),
		}}},
	}
	x, y, h := 0, 0, 0
	for i, p := range panels {
		if x+p.GridPos.W > 24 {
			x, y, h = 0, y+h, 0
		}
		p.ID, p.GridPos.X, p.GridPos.Y = i+1, x, y
		x, h = x+p.GridPos.W, max(h, p.GridPos.H)
		for t := range p.Targets {
			p.Targets[t].Expr = ours(p.Targets[t].Expr)
		}
	}
	return d
}
