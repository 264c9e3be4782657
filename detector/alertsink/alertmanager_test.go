package alertsink

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

// startAlertmanager runs Debian's Alertmanager, as the package's documentation
// says that it be configured, until the test ends. It returns its URL and the
// messages that it posts to its webhook.
func startAlertmanager(t testing.TB) (base string, messages <-chan message) {
	t.Helper()
	binary, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Skip("there is no prometheus-alertmanager")
	}
	posted := make(chan message, 1000)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("webhook: %v", err)
		}
		posted <- m
	}))
	t.Cleanup(hook.Close)
	dir, address := t.TempDir(), freeAddress(t)
	file := filepath.Join(dir, "alertmanager.yml")
	config := fmt.Sprintf(`route: {receiver: hook, group_by: [deadlock], group_wait: 0s, group_interval: 1s}
receivers: [{name: hook, webhook_configs: [{url: %q}]}]
`, hook.URL)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(binary, "--config.file="+file, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=", "--log.level=warn")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	base = "http://" + address
	for range 100 {
		if r, err := http.Get(base + "/-/ready"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				http.DefaultClient.CloseIdleConnections()
				return base, posted
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Alertmanager does not get ready")
	return "", nil
}

// freeAddress returns an address at which nobody listened a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestAlertmanager has the real one pass on what it is told, and compares that
// with what a webhook is told without it.
func TestAlertmanager(t *testing.T) {
	base, messages := startAlertmanager(t)
	direct := make(chan message, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Errorf("webhook: %v", err)
		}
		direct <- m
	}))
	defer hook.Close()
	s, _ := start(t, Config{
		Alertmanagers: Receivers{URLs: []string{base}}, Webhooks: Receivers{URLs: []string{hook.URL}},
		Link: "http://127.0.0.1:8055", Remind: time.Second,
	}, newTransport())
	for _, status := range []detector.Status{detector.Confirmed, detector.Resolved} {
		s.say("v1", status)
		theirs, ours := <-messages, <-direct
		if theirs.Version != ours.Version || theirs.Status != ours.Status || len(theirs.Alerts) != 1 {
			t.Fatalf("%s:\nAlertmanager says %+v\nwe say            %+v", status, theirs, ours)
		}
		a, b := theirs.Alerts[0], ours.Alerts[0]
		if a.Status != b.Status || a.Fingerprint != b.Fingerprint || a.GeneratorURL != b.GeneratorURL || fmt.Sprint(a.Labels, a.Annotations) != fmt.Sprint(b.Labels, b.Annotations) ||
			!a.StartsAt.Truncate(time.Millisecond).Equal(b.StartsAt.Truncate(time.Millisecond)) || a.EndsAt.IsZero() != b.EndsAt.IsZero() {
			t.Errorf("%s:\nAlertmanager says %+v\nwe say            %+v", status, a, b)
		}
	}
}

// BenchmarkAlertmanager measures the time from a verdict until a webhook of
// Debian's Alertmanager is told of it, with a group_wait of 0 s.
func BenchmarkAlertmanager(b *testing.B) {
	base, messages := startAlertmanager(b)
	s, _ := start(b, Config{Alertmanagers: Receivers{URLs: []string{base}}, Remind: time.Second}, newTransport())
	var took []float64
	for b.Loop() {
		began := time.Now()
		id := fmt.Sprint("v", len(took))
		s.say(id, detector.Confirmed)
		for (<-messages).GroupLabels["deadlock"] != id { // but the end of an earlier one
			continue
		}
		took = append(took, float64(time.Since(began).Microseconds()))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "us-to-webhook-p50")
	b.ReportMetric(took[len(took)*99/100], "us-to-webhook-p99")
	b.ReportMetric(took[len(took)-1], "us-to-webhook-max")
}

// BenchmarkAnnounce measures what an announcement costs the one who makes it.
func BenchmarkAnnounce(b *testing.B) {
	s, err := New(Config{Alertmanagers: Receivers{URLs: []string{"http://localhost:1"}}, Remind: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	a := detector.Announce{Verdict: verdict("v1", detector.Confirmed), Again: true}
	b.ReportAllocs()
	for b.Loop() {
		s.Announce(time.Now(), a)
	}
}
