package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "waitgraph")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "waitgraph")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	return m.Run()
}

// command returns the program, with these variables and none of the caller's.
func command(t *testing.T, environment []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, binary, args...)
	c.Env = environment
	return c
}

// serve starts a broker and returns where it is.
func serve(t *testing.T) (url string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := minibroker.New()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.Serve(l) }()
	t.Cleanup(func() { b.Close(); <-ended })
	return "amqp://guest:guest@" + l.Addr().String() + "/"
}

func TestWrongCallsGetOneSentence(t *testing.T) {
	for _, tt := range []struct {
		name        string
		environment []string
		args        []string
		status      int
		says        string
	}{
		{"no command", nil, nil, 2, `expected one of "run", "deadlocks", "explain", "graph", "top", ...`},
		{"nobody to ask", nil, []string{"ready", "--server=http://127.0.0.1:1"}, 1, "connection refused"},
		{"not a URL", nil, []string{"ready", "--server=127.0.0.1"}, 1, "unusable URL of the detector"},
		{"nothing to verify", nil, []string{"verify", "/nowhere/verdict.json"}, 1, "read verdict: open /nowhere/verdict.json"},
		{"nothing to replay", nil, []string{"replay", "/nowhere/recording.jsonl"}, 1, "open /nowhere/recording.jsonl"},
		{"small recording", nil, []string{"run", "--record=/tmp", "--record-max-bytes=10"}, 1, "a recording of 10 bytes is too small"},
		{"unknown flag", nil, []string{"run", "--frob"}, 2, "unknown flag --frob"},
		{"unknown shell", nil, []string{"completion", "tcsh"}, 2, `must be one of "bash","zsh","fish"`},
		{"bad duration", nil, []string{"run", "--lease=soon"}, 2, "--lease"},
		{"bad level", nil, []string{"run", "--log-level=loud"}, 2, "--log-level"},
		{"bad format", []string{"WAITGRAPH_LOG_FORMAT=xml"}, []string{"run"}, 2, "--log-format"},
		{"no lease", nil, []string{"run", "--lease=0s"}, 1, "lease"},
		{"no URL", nil, []string{"run", "--amqp-url=http://u:secret@h/"}, 1, "unusable broker URL"},
		{"odd URL", []string{"AMQP_URL=amqp://u:secret%zz@h/"}, []string{"run"}, 1, "unusable broker URL"},
		{"nobody there", nil, []string{"run", "--listen=", "--amqp-url=amqp://u:secret@127.0.0.1:1/"}, 1, "connection refused"},
		{"no such host", []string{"WAITGRAPH_AMQP_URL=amqp://u:secret@nowhere.invalid/", "AMQP_URL=amqp://localhost/"}, []string{"run", "--listen="}, 1, "nowhere.invalid"},
		{"no scheme", nil, []string{"run", "--alertmanager=localhost:9093"}, 1, "unusable URL of Alertmanager 1: it must begin with http:// or https://"},
		{"secret in the URL", []string{"WAITGRAPH_WEBHOOK=http://localhost/,https://u:secret@h/"}, []string{"run"}, 1, "unusable URL of webhook 2"},
		{"secret over http", []string{"WAITGRAPH_ALERT_TOKEN=secret", "WAITGRAPH_ALERTMANAGER=http://h:9093"}, []string{"run"}, 1, "must be sent to it by https"},
		{"no such file", nil, []string{"run", "--webhook=http://localhost/", "--webhook-token-file=/nowhere"}, 1, "unusable webhook token: stat /nowhere"},
		{"open to strangers", nil, []string{"run", "--listen=:8055"}, 1, "listen at :8055 without TLS and token: other machines could reach it; give --tls-cert, --tls-key and --token-file, or --insecure-listen"},
		{"open to strangers with TLS", nil, []string{"run", "--listen=0.0.0.0:8055", "--tls-cert=c", "--tls-key=k"}, 1, "without a token"},
		{"certificate without key", nil, []string{"run", "--tls-cert=c"}, 1, "a certificate and its key belong together"},
		{"no certificate", nil, []string{"run", "--listen=127.0.0.1:0", "--tls-cert=/nowhere", "--tls-key=/nowhere"}, 1, "read certificate: open /nowhere"},
		{"no token", nil, []string{"run", "--listen=127.0.0.1:0", "--token-file=/nowhere"}, 1, "read token: stat /nowhere"},
		{"bad address", nil, []string{"run", "--listen=nowhere"}, 1, "unusable address for HTTP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := command(t, tt.environment, tt.args...).CombinedOutput()
			exit := new(exec.ExitError)
			if !errors.As(err, &exit) || exit.ExitCode() != tt.status {
				t.Errorf("%v, want status %d", err, tt.status)
			}
			s := string(out)
			if !strings.HasPrefix(s, "waitgraph: ") || strings.Count(s, "\n") != 1 || !strings.Contains(s, tt.says) || strings.Contains(s, "secret") {
				t.Errorf("it said\n%s", s)
			}
		})
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	url := strings.Replace(serve(t), "guest:guest", "guest:secret", 1)
	out, err := command(t, nil, "run", "--listen=", "--amqp-url="+url).CombinedOutput()
	if s := string(out); err == nil || strings.Count(s, "\n") != 1 || !strings.Contains(s, "403") || strings.Contains(s, "secret") {
		t.Errorf("%v, and it said\n%s", err, s)
	}
}

func TestVersionAndHelp(t *testing.T) {
	out, err := command(t, nil, "--version").Output()
	if err != nil || !regexp.MustCompile(`^waitgraph \S+\n$`).Match(out) {
		t.Errorf("%v: %q", err, out)
	}
	out, err = command(t, []string{"AMQP_URL=amqp://u:secret@h/"}, "run", "--help").Output()
	if err != nil || !bytes.Contains(out, []byte("$AMQP_URL")) || bytes.Contains(out, []byte("secret")) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRun starts the daemon, looks at it from the outside, and stops it.
func TestRun(t *testing.T) {
	url, dir := serve(t), t.TempDir()
	c := command(t, []string{"WAITGRAPH_RECORD=" + dir, "WAITGRAPH_AMQP_URL=" + url, "WAITGRAPH_LISTEN=127.0.0.1:0", "WAITGRAPH_LOG_FORMAT=json"}, "run")
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var line struct{ Msg, Broker, HTTP string }
	first, err := bufio.NewReader(log).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(first, &line); err != nil {
		t.Fatalf("%v in %s", err, first)
	}
	if line.Msg != "receiving reports" || line.Broker != strings.Replace(url, ":guest@", ":xxxxx@", 1) {
		t.Errorf("the first line is %s", first)
	}
	r, err := http.Get("http://" + line.HTTP + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if body, _ := io.ReadAll(r.Body); !bytes.Contains(body, []byte("\nwaitgraph_connected 1\n")) {
		t.Errorf("metrics:\n%s", body)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	out, err := command(t, nil, append([]string{"replay"}, files...)...).CombinedOutput()
	if err != nil || !bytes.HasPrefix(out, []byte("1 recordings, ")) || !bytes.HasSuffix(out, []byte(" 0 announcements, 0 compared, 0 different, 0 gaps\n")) {
		t.Errorf("%v, and the replay said\n%s", err, out)
	}
}
