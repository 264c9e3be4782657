package grafana_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFilesAreUpToDate(t *testing.T) {
	for name, d := range grafana.All() {
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is not what is generated: make dashboards", name)
		}
	}
}

var (
	counter = regexp.MustCompile(`(\w*\()?waitgraph_\w+(?:_total|_sum|_count|_bucket)\{|(\w*\()?process_\w+_total\{`)
	window  = regexp.MustCompile(`\[([^\]]*)\]`)
	metric  = regexp.MustCompile(`\b(?:waitgraph|process|go)_\w+(\{[^}]*\})?`)
)

// TestDashboardsAreSound has the rules that dashboards have to keep to.
func TestDashboardsAreSound(t *testing.T) {
	uids := make(map[string]bool)
	for name, d := range grafana.All() {
		if d.Editable || d.UID == "" || uids[d.UID] || d.Title == "" || d.Description == "" || len(d.Tags) == 0 {
			t.Errorf("%s: editable, without a UID of its own, a title, a description, or tags", name)
		}
		uids[d.UID] = true
		if v := d.Templating.List[0]; v.Name != "datasource" || v.Type != "datasource" || v.Query != "prometheus" {
			t.Errorf("%s: the data source is not chosen: %+v", name, v)
		}
		titles := make(map[string]bool)
		covered := make(map[[2]int]string)
		for _, p := range d.Panels {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := covered[[2]int{x, y}]; other != "" || x >= 24 {
						t.Errorf("%s: %s lies over %s, or outside", name, p.Title, other)
					}
					covered[[2]int{x, y}] = p.Title
				}
			}
			if p.Title == "" || titles[p.Title] {
				t.Errorf("%s: a panel has no title of its own: %q", name, p.Title)
			}
			titles[p.Title] = true
			if p.Type != "row" {
				checkPanel(t, name, p)
			}
		}
	}
}

func checkPanel(t *testing.T, name string, p *grafana.Panel) {
	t.Helper()
	if !strings.HasSuffix(p.Description, ".") || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
		t.Errorf("%s: %s: no description, unit or query", name, p.Title)
	}
	refs := make(map[string]bool)
	for _, q := range p.Targets {
		if p.Datasource.UID != "${datasource}" || q.Datasource != *p.Datasource {
			t.Errorf("%s: %s: not of the chosen data source", name, p.Title)
		}
		if q.RefID == "" || refs[q.RefID] || q.Instant == q.Range {
			t.Errorf("%s: %s: query %q has no name of its own, or is not either instant or range", name, p.Title, q.RefID)
		}
		refs[q.RefID] = true
		for _, m := range counter.FindAllStringSubmatch(q.Expr, -1) {
			if by := m[1] + m[2]; by != "rate(" && by != "increase(" {
				t.Errorf("%s: %s: a counter without rate or increase: %s", name, p.Title, m[0])
			}
		}
		for _, m := range window.FindAllStringSubmatch(q.Expr, -1) {
			if want := map[bool]string{true: "$__rate_interval", false: "$__range"}[q.Range]; m[1] != want {
				t.Errorf("%s: %s: [%s], not [%s]", name, p.Title, m[1], want)
			}
		}
		for _, m := range metric.FindAllStringSubmatch(q.Expr, -1) {
			if !strings.Contains(m[1], `instance="$instance"`) {
				t.Errorf("%s: %s: %s is of any detector", name, p.Title, m[0])
			}
		}
	}
}
