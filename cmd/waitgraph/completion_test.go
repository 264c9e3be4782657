package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// completing are command lines, and what a shell offers at the end of each. What
// it offers besides is not checked, but for what must not be among it.
var completing = []struct {
	line       string
	want, miss []string
}{
	{"waitgraph ", []string{"run", "deadlocks", "explain", "graph", "top", "ready", "verify", "replay", "completion"}, []string{"v1.json"}},
	{"waitgraph de", []string{"deadlocks"}, []string{"run"}},
	{"waitgraph graph --", []string{"--format", "--server", "--ca-cert", "--help"}, []string{"--amqp-url", "run"}},
	{"waitgraph graph --form", []string{"--format"}, []string{"--server"}},
	{"waitgraph graph --format ", []string{"text", "svg", "dot", "json"}, []string{"--server", "v1.json"}},
	{"waitgraph graph --format=", []string{"text", "svg", "dot", "json"}, []string{"--server", "v1.json"}},
	{"waitgraph graph --format=s", []string{"svg"}, []string{"text", "dot"}},
	{"waitgraph deadlocks --limit ", nil, []string{"--server", "v1.json", "run"}},
	{"waitgraph run --wait --tls-c", []string{"--tls-cert"}, []string{"--tls-key"}},
	{"waitgraph run --tls-cert ", []string{"v1.json"}, []string{"run", "--wait"}},
	{"waitgraph run --tls-cert=v", []string{"v1.json"}, []string{"run", "--wait"}},
	{"waitgraph verify ", []string{"v1.json"}, []string{"run"}},
	{"waitgraph verify --server=run v1", []string{"v1.json"}, []string{"run"}},
	{"waitgraph completion ", []string{"bash", "zsh", "fish"}, []string{"run"}},
}

// askBash has bash complete as readline has it done: COMP_WORDBREAKS splits at =.
const askBash = `source <("$WAITGRAPH" completion bash)
line=${1//=/ = }
read -ra COMP_WORDS <<<"$line"
[[ $line != *' ' || $line == *'= ' ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_waitgraph
(( ${#COMPREPLY[@]} == 0 )) || printf '%s\n' "${COMPREPLY[@]}"`

// askFish asks fish, which completes for anybody who asks.
const askFish = `"$WAITGRAPH" completion fish | source
complete -C $argv[1]`

func TestCompletion(t *testing.T) {
	for shell, args := range map[string][]string{
		"bash": {"--norc", "-c", askBash, "bash"},
		"fish": {"--no-config", "-c", askFish},
	} {
		t.Run(shell, func(t *testing.T) {
			for _, tt := range completing {
				got := complete(t, shell, append(args, tt.line)...)
				for _, w := range tt.want {
					if !slices.Contains(got, w) {
						t.Errorf("%q lacks %s: %q", tt.line, w, got)
					}
				}
				for _, w := range tt.miss {
					if slices.Contains(got, w) {
						t.Errorf("%q has %s: %q", tt.line, w, got)
					}
				}
			}
		})
	}
}

// TestCompletionForZsh has zsh read the script: it completes for terminals only.
func TestCompletionForZsh(t *testing.T) {
	zsh, err := exec.LookPath("zsh")
	if err != nil {
		t.Skip("without zsh")
	}
	script, err := command(t, nil, "completion", "zsh").Output()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(zsh, "-n")
	check.Stdin = bytes.NewReader(script)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// complete returns what a shell offers, without descriptions and what ends a flag.
func complete(t *testing.T, shell string, args ...string) []string {
	t.Helper()
	program, err := exec.LookPath(shell)
	switch {
	case err != nil && shell == "bash" && os.Getenv("CI") == "true":
		t.Fatal(err)
	case err != nil:
		t.Skipf("without %s", shell)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "v1.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Env = dir, append(os.Environ(), "WAITGRAPH="+binary, "HOME="+dir)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var offered []string
	for l := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimRight(l, "\r\n"), "\t")
		if flag, value, ok := strings.Cut(word, "="); ok {
			word = value
			if value == "" {
				word = flag
			}
		}
		offered = append(offered, word)
	}
	return offered
}
