package alertmanager_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/alertsink"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/monitoring"
	"github.com/waitgraph/waitgraph/services/compute"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const configuration = "alertmanager.yml"

// need skips the test where a program is missing, and fails it in CI.
func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: scripts/install prometheus prometheus-alertmanager", err)
		}
		t.Skipf("%v: scripts/install prometheus prometheus-alertmanager", err)
	}
	return path
}

func amtool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), need(t, "amtool"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("amtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestConfigurationIsValid(t *testing.T) { amtool(t, "check-config", configuration) }

// TestNamesExist demands that the configuration names only alerts that exist.
func TestNamesExist(t *testing.T) {
	rules, err := os.ReadFile("../prometheus/waitgraph.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.FieldsFunc(string(own), func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", r)
	}) {
		if strings.HasPrefix(word, "Waitgraph") && word != "WaitgraphDeadlock" && !strings.Contains(string(rules), "- alert: "+word+"\n") {
			t.Errorf("there is no alert %s", word)
		}
	}
}

// told is what a webhook is told of one alert.
type told struct {
	at                time.Time
	status, alertname string
	deadlock          string
}

// manage starts an Alertmanager with our configuration, whose receiver passes on
// what it is told.
func manage(t testing.TB) (*monitoring.Server, <-chan told) {
	t.Helper()
	need(t, "prometheus-alertmanager")
	all := make(chan told, 4096)
	webhook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("told nonsense: %v", err)
		}
		for _, a := range message.Alerts {
			all <- told{time.Now(), a.Status, a.Labels["alertname"], a.Labels["deadlock"]}
		}
	}))
	t.Cleanup(webhook.Close)
	text, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, configuration)
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), "http://localhost:9099/", webhook.URL, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := monitoring.Alertmanager(folder, file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Stop)
	return m, all
}

// next returns the next that is told of an alert.
func next(t testing.TB, all <-chan told, alertname string) told {
	t.Helper()
	deadline := time.After(monitoring.Patience)
	for {
		select {
		case one := <-all:
			if one.alertname == alertname {
				return one
			}
		case <-deadline:
			t.Fatalf("not told of %s", alertname)
		}
	}
}

// TestTold has the example deadlock, a Prometheus scrape the detector, and both
// tell the Alertmanager: the verdict arrives by the push, and is resolved; the
// rule's alert fires, and keeps silent meanwhile.
func TestTold(t *testing.T) {
	need(t, "prometheus")
	brokertest.InRealTime(t, testTold, "service_a.compute", "service_b.compute")
}

func testTold(t *testing.T, b brokertest.Broker) {
	manager, all := manage(t)
	broker := monitoring.Broker{URL: b.URL, Dial: b.Dial}
	ctx, stop := context.WithCancel(context.Background())
	waits := []func() error{monitoring.Example(ctx, broker)}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		for _, wait := range waits {
			if err := wait(); err != nil {
				t.Error(err)
			}
		}
	})
	confirmed := make(chan time.Time, 16)
	address, wait, err := monitoring.Detector(ctx, sidecar.Config{
		URL: broker.URL, Dial: broker.Dial, Alerts: alertsink.Config{Alertmanagers: alertsink.Receivers{URLs: []string{manager.URL}}},
		OnVerdict: func(a detector.Announce) {
			if a.Verdict.Status == detector.Confirmed && !a.Again {
				confirmed <- time.Now()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	waits = append(waits, wait)
	p, err := monitoring.Prometheus(t.TempDir(), monitoring.Scrape{
		Target: address, Interval: 200 * time.Millisecond, Rules: "../prometheus/waitgraph.rules.yml", Alertmanager: manager.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	await(t, func() bool {
		got, err := p.Query(t.Context(), `waitgraph_agents == 4 and waitgraph_recovering == 0 and count_over_time(waitgraph_agents[1m]) > 2`)
		return err == nil && len(got) == 1
	})
	loaded := make(chan error, 1)
	loading, enough := context.WithCancel(ctx)
	defer enough()
	go func() {
		loaded <- compute.RunLoad(loading, compute.LoadConfig{URL: broker.URL, Dial: broker.Dial, Callers: 1, Pause: time.Hour, Cyclic: 100 * time.Millisecond})
	}()
	waits = append(waits, func() error { return <-loaded })

	at := <-confirmed
	pushed := next(t, all, "WaitgraphDeadlock")
	if pushed.status != "firing" {
		t.Errorf("told first that it is %s", pushed.status)
	}
	t.Logf("told %v after the verdict", pushed.at.Sub(at))
	await(t, func() bool { return inhibited(t, manager, "WaitgraphDeadlockConfirmed") })
	enough()
	over := next(t, all, "WaitgraphDeadlock")
	for over.deadlock != pushed.deadlock || over.status != "resolved" {
		over = next(t, all, "WaitgraphDeadlock")
	}
}

// inhibited reports whether an alert fires and is kept silent.
func inhibited(t *testing.T, m *monitoring.Server, alertname string) bool {
	t.Helper()
	body, err := monitoring.Get(t.Context(), m.URL+"/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	var alerts []struct {
		Labels map[string]string
		Status struct{ InhibitedBy []string }
	}
	if err := json.Unmarshal(body, &alerts); err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts {
		if a.Labels["alertname"] == alertname && len(a.Status.InhibitedBy) > 0 {
			return true
		}
	}
	return false
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	for began := time.Now(); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > monitoring.Patience {
			t.Fatalf("nothing in %v", monitoring.Patience)
		}
	}
}

// BenchmarkPush measures the time from the announcement of a verdict until a
// webhook behind Alertmanager has been told.
func BenchmarkPush(b *testing.B) {
	manager, all := manage(b)
	sink, err := alertsink.New(alertsink.Config{Alertmanagers: alertsink.Receivers{URLs: []string{manager.URL}}, Remind: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); sink.Run(ctx) }()
	defer func() { stop(); <-ended }()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		sink.Announce(began, detector.Announce{Verdict: detector.Verdict{ID: fmt.Sprint(i), Kind: detector.Cycle, Status: detector.Confirmed, Since: began, Suspected: began, Confirmed: began}})
		took = append(took, next(b, all, "WaitgraphDeadlock").at.Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "ms-p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1e3, "ms-p99")
	b.ReportMetric(0, "ns/op")
}
