package prometheus_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// program returns where a program of Debian's package prometheus is. Without it
// the test is skipped, but for CI (CI=true), where it has to be there.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%v: scripts/install prometheus", err)
	}
	t.Skipf("%v: scripts/install prometheus", err)
	return ""
}

func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program(t, "promtool"), args...)
	c.Stdin = strings.NewReader(input)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRulesAreValid(t *testing.T) {
	promtool(t, "", "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
}

func TestRulesFireAsTheyShould(t *testing.T) { promtool(t, "", "test", "rules", testsFile) }

// TestMetricsAreClean also complains of what promtool merely warns of.
func TestMetricsAreClean(t *testing.T) { promtool(t, scrape(t), "check", "metrics", "--extended") }
