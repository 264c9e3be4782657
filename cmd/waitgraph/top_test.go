package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waitgraph/waitgraph/detector/httpapi"
)

// tmux is a terminal that nobody sits at.
type tmux struct {
	t      *testing.T
	socket string
}

func newTmux(t *testing.T, shellCommand string) tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no tmux to see it in")
	}
	m := tmux{t, filepath.Join(t.TempDir(), "tmux")}
	m.do("new-session", "-d", "-x", "100", "-y", "24", shellCommand)
	t.Cleanup(func() { m.do("kill-server") })
	return m
}

func (m tmux) do(args ...string) string {
	m.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", m.socket, "-f", "/dev/null"}, args...)...).CombinedOutput() //nolint:gosec // of this test
	if err != nil {
		m.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// see waits until the terminal shows all that is wanted, and nothing else.
func (m tmux) see(wanted func(screen string) bool) string {
	m.t.Helper()
	var screen string
	for range 2000 { // each asks another process
		if screen = m.do("capture-pane", "-p"); wanted(screen) {
			return screen
		}
	}
	m.t.Fatalf("the terminal shows:\n%s", screen)
	return ""
}

func has(words ...string) func(string) bool {
	return func(screen string) bool {
		for _, w := range words {
			if !strings.Contains(screen, w) {
				return false
			}
		}
		return true
	}
}

// TestTop looks at it in a terminal that is made smaller, and quits by both keys.
func TestTop(t *testing.T) {
	api := httptest.NewServer(httpapi.NewHandler(stuck{}, http.NotFoundHandler()))
	t.Cleanup(api.Close)
	m := newTmux(t, "cd "+t.TempDir()+"; sh")
	before := func(screen string) bool {
		return strings.Contains(screen, "ended") && !strings.Contains(screen, "HOLDS UP")
	}
	for _, key := range []string{"q", "C-c"} {
		m.do("resize-window", "-x", "100", "-y", "24")
		m.do("send-keys", fmt.Sprintf("clear; stty -g >before; '%s' top --server=%s; stty -g | cmp - before && echo en''ded $?", binary, api.URL), "Enter")
		screen := m.see(has("1 deadlock stands", "v1", "cycle of 2", "lock", "HELD BY", "HOLDS UP", "core of v1", `a\x1b[2J:1`))
		if n := strings.Count(screen, "\n"); n > 24 {
			t.Errorf("%d lines:\n%s", n, screen)
		}
		m.do("resize-window", "-x", "40", "-y", "8")
		m.see(func(screen string) bool { return !has("HOLDS UP")(screen) && has("waitgraph")(screen) })
		m.do("send-keys", key)
		m.see(before)
	}
}

// TestTopPiped writes one frame where nobody looks.
func TestTopPiped(t *testing.T) {
	api := httptest.NewServer(httpapi.NewHandler(stuck{}, http.NotFoundHandler()))
	t.Cleanup(api.Close)
	out, err := command(t, nil, "top", "--server="+api.URL).CombinedOutput()
	if err != nil || !has("1 deadlock stands", "HELD BY", `a\x1b[2J:1`)(string(out)) || strings.Contains(string(out), "\x1b") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := command(t, nil, "top", "--server=http://127.0.0.1:1").CombinedOutput(); err == nil || !strings.Contains(string(out), "refused") {
		t.Errorf("%v\n%s", err, out)
	}
}
