package prometheus_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	rulesFile   = "waitgraph.rules.yml"
	testsFile   = "waitgraph.test.yml"
	metricsFile = "../../docs/metrics.md"
	runbookFile = "../../docs/runbook.md"

	dashboardFiles = "../grafana/*.json"

	runbookURL = "https://github.com/waitgraph/waitgraph/blob/main/docs/runbook.md#"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// matches returns the first group of each match, in order.
func matches(r *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range r.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

var (
	alertLine   = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)
	recordLine  = regexp.MustCompile(`(?m)^ +- record: (\S+)$`)
	runbookLine = regexp.MustCompile(`(?m)^ +runbook_url: (\S+)$`)
	section     = regexp.MustCompile(`(?m)^## (Waitgraph\w+)$`)
)

// A row of a table in docs/metrics.md: name, and the other columns.
var (
	metricRow = regexp.MustCompile("(?m)^\\| `(waitgraph_\\w+)` \\| (\\w+) \\|([^|]*)\\| ([^|]+) \\|$")
	labelRow  = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (`[^|]+`) \\| [^|]+ \\|$")
	quoted    = regexp.MustCompile("`([^`]+)`")
)

// TestMetricsAreDocumented compares docs/metrics.md with what is scraped: names,
// types, labels and the values of labels.
func TestMetricsAreDocumented(t *testing.T) {
	text := read(t, metricsFile)
	type entry struct {
		Kind   string
		Labels []string
	}
	documented, scraped := make(map[string]entry), make(map[string]entry)
	for _, m := range metricRow.FindAllStringSubmatch(text, -1) {
		documented[m[1]] = entry{m[2], matches(quoted, m[3])}
	}
	values := make(map[string][]string)
	for name, m := range parse(scrape(t)) {
		scraped[name] = entry{m.kind, slices.Sorted(maps.Keys(m.labels))}
		for label, of := range m.labels {
			values[label] = slices.AppendSeq(values[label], maps.Keys(of))
		}
	}
	if len(scraped) == 0 {
		t.Fatal("nothing was scraped")
	}
	if diff := cmp.Diff(documented, scraped); diff != "" {
		t.Errorf("documented (-) is not what is scraped (+):\n%s", diff)
	}
	for label, all := range values {
		slices.Sort(all)
		values[label] = slices.Compact(all)
	}
	explained := make(map[string][]string)
	for _, m := range labelRow.FindAllStringSubmatch(text, -1) {
		explained[m[1]] = slices.Sorted(slices.Values(matches(quoted, m[2])))
	}
	if diff := cmp.Diff(explained, values); diff != "" {
		t.Errorf("labels as documented (-) are not as scraped (+):\n%s", diff)
	}
}

var (
	named    = regexp.MustCompile(`(?:\w+:)?waitgraph_\w+(?::\w+)?`)
	selector = regexp.MustCompile(`(waitgraph_\w+)\{([^}]*)\}`)
)

// TestNamesExist finds what rules, their tests, dashboards and documents are
// about.
func TestNamesExist(t *testing.T) {
	all, recorded := parse(scrape(t)), matches(recordLine, read(t, rulesFile))
	files, err := filepath.Glob(dashboardFiles)
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, file := range append(files, rulesFile, testsFile, metricsFile, runbookFile) {
		text := strings.ReplaceAll(read(t, file), `\"`, `"`)
		for _, name := range named.FindAllString(text, -1) {
			_, family := all[name]
			prose := strings.HasSuffix(file, ".md") && family
			if !prose && !all.sampled(name) && !slices.Contains(recorded, name) {
				t.Errorf("%s: there is no %s", file, name)
			}
		}
		for _, m := range selector.FindAllStringSubmatch(text, -1) {
			all.checkLabels(t, file, m[1], m[2])
		}
	}
}

// checkLabels checks that a selector can select something.
func (all metrics) checkLabels(t *testing.T, file, name, labels string) {
	t.Helper()
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		m, ok := all[strings.TrimSuffix(name, suffix)]
		if !ok {
			continue
		}
		for _, l := range labelPair.FindAllStringSubmatch(labels, -1) {
			for value := range strings.SplitSeq(l[2], "|") {
				if l[1] != "job" && l[1] != "instance" && l[1] != "le" && value != "" && !m.labels[l[1]][value] {
					t.Errorf("%s: %s has no label %s=%q", file, name, l[1], value)
				}
			}
		}
		return
	}
}

// TestAlertsHaveRunbook also finds sections of the runbook without an alert.
func TestAlertsHaveRunbook(t *testing.T) {
	rules, runbook := read(t, rulesFile), read(t, runbookFile)
	alerts, sections := matches(alertLine, rules), matches(section, runbook)
	if diff := cmp.Diff(alerts, sections); diff != "" {
		t.Errorf("alerts (-) are not the sections of the runbook (+), in the same order:\n%s", diff)
	}
	var links []string
	for _, a := range alerts {
		links = append(links, runbookURL+strings.ToLower(a))
	}
	if diff := cmp.Diff(links, matches(runbookLine, rules)); diff != "" {
		t.Errorf("the links to the runbook should be (-), are (+):\n%s", diff)
	}
	parts := section.Split(runbook, -1)[1:]
	for i, part := range parts {
		for _, question := range []string{"Means.", "Look first.", "Do.", "Ends."} {
			if strings.Count(part, "\n**"+question+"** ") != 1 {
				t.Errorf("the section %s has no **%s**", sections[i], question)
			}
		}
	}
}

var expectation = regexp.MustCompile(`alertname: (\w+)\n +exp_alerts:( \[\])?\n`)

// TestAlertsAreTested demands of each alert a test that it fires and one that it
// keeps quiet.
func TestAlertsAreTested(t *testing.T) {
	fires, quiet := make(map[string]bool), make(map[string]bool)
	for _, m := range expectation.FindAllStringSubmatch(read(t, testsFile), -1) {
		if m[2] == "" {
			fires[m[1]] = true
		} else {
			quiet[m[1]] = true
		}
	}
	for _, a := range matches(alertLine, read(t, rulesFile)) {
		if !fires[a] || !quiet[a] {
			t.Errorf("%s: tested that it fires %v, that it keeps quiet %v", a, fires[a], quiet[a])
		}
	}
}
