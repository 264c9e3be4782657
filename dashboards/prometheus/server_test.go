package prometheus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// patience bounds how long the test waits for what must come.
const patience = 30 * time.Second

// TestAlertFires has a Prometheus of its own scrape the detector while the
// example system answers compute(1) and deadlocks in compute(42).
func TestAlertFires(t *testing.T) {
	server := program(t, "prometheus")
	broker := minibroker.New()
	t.Cleanup(func() { _ = broker.Close() })
	ask := startExample(t, broker.Dial)
	p := startPrometheus(t, server, watch(t, exampleURL, broker.Dial))

	p.await(t, `waitgraph_agents == 4 and waitgraph_recovering == 0 and count_over_time(waitgraph_connected[1m]) > 2`)
	if err := ask(1); err != nil {
		t.Fatalf("compute(1): %v", err)
	}
	if firing := p.query(t, `ALERTS{alertstate="firing"}`); firing != 0 {
		t.Errorf("%d alerts fired before there was a deadlock", firing)
	}
	answered := make(chan error, 1)
	go func() { answered <- ask(42) }()
	p.await(t, `ALERTS{alertname="WaitgraphDeadlockConfirmed",alertstate="firing",severity="critical"}`)
	if err := <-answered; err == nil {
		t.Error("compute(42) was answered")
	}
	p.await(t, `waitgraph_standing_deadlocks == 0`)
	p.await(t, `instance:waitgraph_verdict_precision:ratio1d == 1`)
	p.await(t, `instance:waitgraph_detection_latency_seconds:p99_1h < 5`)
	p.checkHealth(t)
}

const exampleURL = "amqp://guest:guest@embedded/"

// startExample starts two replicas of each service, and returns when all of
// their processes are there. The function that it returns asks ServiceA.
func startExample(t *testing.T, dial func(network, addr string) (net.Conn, error)) (ask func(id int64) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	replicas, ctx := errgroup.WithContext(ctx)
	t.Cleanup(func() {
		stop()
		if err := replicas.Wait(); err != nil {
			t.Errorf("example: %v", err)
		}
	})
	var started sync.WaitGroup
	for _, service := range []compute.Service{compute.A, compute.B} {
		for replica, id := range map[int]int64{1: 1, 2: 42} {
			consumer, server := sync.OnceFunc(started.Done), sync.OnceFunc(started.Done)
			started.Add(2)
			note := func(process string) {
				if process == service.Consumer(replica) {
					consumer()
				} else {
					server()
				}
			}
			replicas.Go(func() error {
				return compute.RunWatched(ctx, compute.Config{
					Service: service, Replica: replica, URL: exampleURL, Dial: dial, IDs: []int64{id}, Hooks: compute.Hooks{Started: note},
				})
			})
		}
	}
	started.Wait()
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{URL: exampleURL, Dial: dial, Name: "caller"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return func(id int64) error {
		_, err := compute.Ask(ctx, conn, compute.A, id)
		return err
	}
}

// server is a Prometheus with waitgraph's rules.
type server struct{ url string }

const configuration = `
global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}
rule_files: [%s]
scrape_configs:
  - job_name: waitgraph
    static_configs: [{targets: [%s]}]
`

var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// startPrometheus starts one on a loopback port, which scrapes target until the
// test ends.
func startPrometheus(t *testing.T, program, target string) server {
	t.Helper()
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "prometheus.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, configuration, rules, target), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = patience
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		readLog(t, log, address)
		_ = c.Wait() // it is told to end
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	select {
	case a := <-address:
		return server{"http://" + a}
	case <-ended:
		t.Fatal("Prometheus did not start")
	case <-time.After(patience):
		t.Fatal("Prometheus is not ready")
	}
	return server{}
}

// readLog passes on where Prometheus listens, once it is ready.
func readLog(t *testing.T, log io.Reader, address chan<- string) {
	var listensAt string
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		t.Log(lines.Text())
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			listensAt = m[1]
		}
		if strings.Contains(lines.Text(), `msg="Server is ready`) {
			address <- listensAt
		}
	}
}

// query returns how many series an expression has now.
func (s server) query(t *testing.T, expression string) int {
	t.Helper()
	var answer struct {
		Data struct{ Result []json.RawMessage }
	}
	s.get(t, "/api/v1/query?query="+url.QueryEscape(expression), &answer)
	return len(answer.Data.Result)
}

// await waits until an expression has a series.
func (s server) await(t *testing.T, expression string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(100 * time.Millisecond) {
		if s.query(t, expression) > 0 {
			return
		}
	}
	t.Fatalf("nothing in %v: %s", patience, expression)
}

// checkHealth checks that every rule was evaluated without an error.
func (s server) checkHealth(t *testing.T) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	s.get(t, "/api/v1/rules", &answer)
	healthy := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if r.Health != "ok" {
				t.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
			healthy++
		}
	}
	text := read(t, rulesFile)
	if want := len(matches(alertLine, text)) + len(matches(recordLine, text)); healthy != want {
		t.Errorf("Prometheus has %d rules, not %d", healthy, want)
	}
}

func (s server) get(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, s.url+path)), into); err != nil {
		t.Fatal(err)
	}
}
