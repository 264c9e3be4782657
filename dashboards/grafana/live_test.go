package grafana_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/internal/monitoring"
	"github.com/waitgraph/waitgraph/services/compute"
)

// empty are the queries that have nothing to show after a single deadlock, by
// their panels, and why.
var empty = map[string]string{
	"From verdict to receiver": "nobody is told",
}

// TestEveryQueryHasData has a Prometheus of its own scrape the detector while the
// example system deadlocks, and asks it every query of every panel.
func TestEveryQueryHasData(t *testing.T) {
	if _, err := exec.LookPath("prometheus"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: scripts/install prometheus", err)
		}
		t.Skipf("%v: scripts/install prometheus", err)
	}
	p, address := outage(t)
	variables := strings.NewReplacer("$instance", address, "$__rate_interval", "30s", "$__range", "1m", "$datasource", "")
	for name, d := range grafana.All() {
		for _, m := range d.Annotations.List {
			if got, err := p.Query(t.Context(), variables.Replace(m.Expr)); err != nil || len(got) == 0 {
				t.Errorf("%s: annotation %s: %d series, %v", name, m.Name, len(got), err)
			}
		}
		for _, panel := range d.Panels {
			for _, q := range panel.Targets {
				got, err := p.Query(t.Context(), variables.Replace(q.Expr))
				if err != nil {
					t.Errorf("%s: %s: %v", name, panel.Title, err)
				}
				if has := finite(got); has == (empty[panel.Title] != "") {
					t.Errorf("%s: %s, query %s: has data %v (%d series)\n%s", name, panel.Title, q.RefID, has, len(got), q.Expr)
				}
			}
		}
	}
}

// finite reports whether a result has a number in it.
func finite(result []monitoring.Series) bool {
	for _, s := range result {
		for _, v := range s.Samples {
			if v.Value == v.Value {
				return true
			}
		}
	}
	return false
}

// outage returns a Prometheus that has seen a deadlock of the example form and
// end by timeout, and where it scraped the detector.
func outage(t *testing.T) (p *monitoring.Server, address string) {
	t.Helper()
	b := minibroker.New()
	t.Cleanup(func() { _ = b.Close() })
	broker := monitoring.Broker{URL: "amqp://guest:guest@embedded/", Dial: b.Dial}
	ctx, stop := context.WithCancel(context.Background())
	waits := []func() error{monitoring.Example(ctx, broker)}
	t.Cleanup(func() {
		stop()
		for _, wait := range waits {
			if err := wait(); err != nil {
				t.Error(err)
			}
		}
	})
	address, wait, err := monitoring.Detector(ctx, sidecar.Config{URL: broker.URL, Dial: broker.Dial})
	if err != nil {
		t.Fatal(err)
	}
	waits = append(waits, wait)
	p, err = monitoring.Prometheus(t.TempDir(), monitoring.Scrape{Target: address, Interval: 500 * time.Millisecond, Exemplars: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	await(t, p, `count_over_time(waitgraph_agents[30s]) > 2`)
	ended := make(chan error, 1)
	go func() {
		ended <- compute.RunLoad(ctx, compute.LoadConfig{URL: broker.URL, Dial: broker.Dial, Callers: 2, Pause: 200 * time.Millisecond, Cyclic: 100 * time.Millisecond, Timeout: 2 * time.Second})
	}()
	waits = append(waits, func() error { return <-ended })
	await(t, p, `sum(waitgraph_resolutions_total) > 0 and sum(waitgraph_service_deadlocked_wait_seconds_total) > 0`)
	await(t, p, `sum(increase(waitgraph_resolutions_total[30s])) > 0`)
	return p, address
}

// await waits until an expression has a value.
func await(t *testing.T, p *monitoring.Server, expr string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < monitoring.Patience; time.Sleep(100 * time.Millisecond) {
		got, err := p.Query(t.Context(), expr)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > 0 {
			return
		}
	}
	t.Fatalf("nothing in %v: %s", monitoring.Patience, expr)
}
