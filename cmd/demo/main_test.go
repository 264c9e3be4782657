package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asDemo makes the test binary be the demo.
const asDemo = "WAITGRAPH_TEST_AS_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) != "" {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asDemo+"=1", "AMQP_URL=")
	cmd.Dir = t.TempDir()
	return cmd
}

// status returns the exit status of a command that has ended.
func status(t *testing.T, err error) int {
	t.Helper()
	exit := new(exec.ExitError)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// What cannot work is one sentence and a status: 2 if the command line alone
// is wrong.
func TestRefusals(t *testing.T) {
	for want, all := range map[int]map[string][]string{
		2: {
			"unknown flag --nonsense": {"--nonsense"},
			"--format must be one of": {"--format=xml"},
			"expected":                {"call"},
			"unexpected argument":     {"list", "nonsense"},
		},
		1: {
			"no example is called":     {"nonsense"},
			"no such operation":        {"call", "compute", "c", "1", "--amqp-url=amqp://localhost/"},
			"want a ID":                {"call", "compute", "a", "--amqp-url=amqp://localhost/"},
			"want a or b and a number": {"node", "compute", "c1", "--amqp-url=amqp://127.0.0.1:1/"},
			"want http://host/path":    {"load", "ftp://localhost/"},
			"0 requests":               {"load", "-n", "0", "http://localhost/"},
			"fit to print":             {"node", "cluster", "a\x01", "--amqp-url=amqp://127.0.0.1:1/"},
			"Name its broker":          {"call", "compute", "a", "1"},
			"127.0.0.1:1":              {"--amqp-url=amqp://guest:secret@127.0.0.1:1/"},
			"AMQP scheme":              {"--amqp-url=http://localhost/"},
			"connection refused":       {"call", "compute", "a", "1", "--amqp-url=amqp://guest:secret@127.0.0.1:1/"},
		},
	} {
		for sentence, args := range all {
			var stderr bytes.Buffer
			cmd := command(t, args...)
			cmd.Stderr = &stderr
			got := status(t, cmd.Run())
			said := strings.TrimSpace(stderr.String())
			if got != want || !strings.Contains(said, sentence) || strings.Contains(said, "secret") || strings.Contains(said, "\n") {
				t.Errorf("demo %s: status %d, said %q, want %d, %q", strings.Join(args, " "), got, said, want, sentence)
			}
		}
	}
}

func TestInterrupt(t *testing.T) {
	cmd := command(t)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.Contains(lines.Text(), "processes wait") {
		continue
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, stdout)
	if got := status(t, cmd.Wait()); got != 130 {
		t.Errorf("interrupted: status %d, want 130", got)
	}
}
