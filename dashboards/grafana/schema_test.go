package grafana_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
)

// TestGrafanaKnowsTheForm has TypeScript check the dashboards by Grafana's own types,
// and find what is wrong with one that has mistakes.
func TestGrafanaKnowsTheForm(t *testing.T) {
	tsc, err := filepath.Abs("schema/node_modules/typescript/bin/tsc")
	if err != nil {
		t.Fatal(err)
	}
	_, missing := os.Stat(tsc)
	node, err := exec.LookPath("node")
	switch {
	case err != nil:
		t.Skip("the dashboards are not checked by type: there is no node")
	case missing != nil && os.Getenv("CI") == "true":
		t.Fatal("the dashboards are not checked by type: npm ci in dashboards/grafana/schema")
	case missing != nil:
		t.Skip("the dashboards are not checked by type: npm ci in dashboards/grafana/schema")
	}
	if err := os.RemoveAll("schema/out"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll("schema/out") })
	if err := os.Mkdir("schema/out", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, d := range grafana.All() {
		write(t, name, d)
	}
	check := func() string {
		c := exec.CommandContext(t.Context(), node, tsc, "--project", "schema", "--pretty", "false")
		out, err := c.CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Fatal(err)
		}
		return string(out)
	}
	if out := check(); out != "" {
		t.Errorf("%s", out)
	}
	wrong := grafana.All()["detector.json"]
	stat := slices.IndexFunc(wrong.Panels, func(p *grafana.Panel) bool { return p.Type == "stat" })
	wrong.Panels[stat].Options["colorMode"] = "nonsense"
	wrong.GraphTooltip = 7
	write(t, "wrong.json", wrong)
	out := check()
	for _, mistake := range []string{"7", "nonsense"} {
		if !strings.Contains(out, mistake) {
			t.Errorf("it does not see the mistake %s:\n%s", mistake, out)
		}
	}
}

func write(t *testing.T, name string, d grafana.Dashboard) {
	t.Helper()
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("schema/out", strings.TrimSuffix(name, ".json")+".ts")
	module := fmt.Sprintf("import type { Board } from '../types.js';\n\nexport const board: Board = %s;\n", text)
	if err := os.WriteFile(file, []byte(module), 0o644); err != nil {
		t.Fatal(err)
	}
}
