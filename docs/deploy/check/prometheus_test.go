package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrometheusConfiguration has Prometheus's own tool check what the compose file
// mounts, with the rules beside it.
func TestPrometheusConfiguration(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is not installed")
		}
		t.Skip("promtool is not installed")
	}
	text, err := os.ReadFile("../compose/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(filepath.Join(root, "dashboards/prometheus"))
	if err != nil {
		t.Fatal(err)
	}
	here := strings.ReplaceAll(string(text), "/etc/prometheus/rules", rules)
	if here == string(text) {
		t.Fatal("it loads no rules")
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "config", file).CombinedOutput(); err != nil || !strings.Contains(string(out), "rules found") {
		t.Errorf("%v: %s", err, out)
	}
}
