package prometheus_test

import (
	"context"
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/internal/monitoring"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// patience bounds how long the test waits for what must come.
const patience = 30 * time.Second

// TestAlertFires has a Prometheus of its own scrape the detector while the
// example system answers compute(1) and deadlocks in compute(42).
func TestAlertFires(t *testing.T) {
	program(t, "prometheus")
	broker := minibroker.New()
	t.Cleanup(func() { _ = broker.Close() })
	ask := startExample(t, broker.Dial)
	p := startPrometheus(t, watch(t, exampleURL, broker.Dial))

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
	p.await(t, `sum(waitgraph_standing_deadlocks) == 0`)
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
	wait := monitoring.Example(ctx, monitoring.Broker{URL: exampleURL, Dial: dial})
	t.Cleanup(func() {
		stop()
		if err := wait(); err != nil {
			t.Errorf("example: %v", err)
		}
	})
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
type server struct{ *monitoring.Server }

// startPrometheus starts one, which scrapes target until the test ends.
func startPrometheus(t *testing.T, target string) server {
	t.Helper()
	p, err := monitoring.Prometheus(t.TempDir(), monitoring.Scrape{Target: target, Interval: 200 * time.Millisecond, Rules: rulesFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return server{p}
}

// query returns how many series an expression has now.
func (s server) query(t *testing.T, expression string) int {
	t.Helper()
	got, err := s.Query(t.Context(), expression)
	if err != nil {
		t.Fatal(err)
	}
	return len(got)
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
	if err := json.Unmarshal([]byte(get(t, s.URL+"/api/v1/rules")), &answer); err != nil {
		t.Fatal(err)
	}
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
