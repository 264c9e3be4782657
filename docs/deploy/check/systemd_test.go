package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestUnit(t *testing.T) {
	text, err := os.ReadFile("../systemd/waitgraph.service")
	if err != nil {
		t.Fatal(err)
	}
	start := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(string(text))
	if start == nil {
		t.Fatal("it starts nothing")
	}
	line := strings.Fields(start[1])
	program := stages["waitgraph"].programs["/bin/waitgraph"]
	program.takes(t, line[1:], regexp.MustCompile(`WAITGRAPH_[A-Z_]+`).FindAllString(string(text), -1))

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not here to verify the unit")
	}
	file := filepath.Join(t.TempDir(), "waitgraph.service")
	here := strings.ReplaceAll(string(text), line[0], program.file)
	if err := os.WriteFile(file, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	const exposure = "20" // of 100
	if out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--threshold="+exposure, file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
