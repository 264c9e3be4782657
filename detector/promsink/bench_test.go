package promsink

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// crowded returns a detector that has counted a million waits of more services
// than can be told apart, and the time by its clock.
func crowded() (*detector.Detector, time.Time) {
	const services, each = 300, 3334
	cfg := detector.DefaultConfig()
	cfg.Lease = time.Hour // nobody sends heartbeats here
	d, now := detector.New(cfg), time.Now()
	for i := range services {
		name := fmt.Sprintf("service_%d", i)
		b := &report.Batch{Agent: report.Agent{Name: name, Incarnation: 1}, Service: name}
		for j := range each {
			b.States = append(b.States, report.State{
				Key: report.Key{Agent: b.Agent, Process: fmt.Sprintf("p:%d", j), Activation: 1}, Epoch: 1, Seq: 1, Need: 1,
				Waits: []report.Wait{{Resource: report.Resource(fmt.Sprintf("%s/%d", name, j)), Kind: report.Reply, Since: now}},
			})
		}
		d.Step(now, detector.Reported{Batch: b})
	}
	for range 600 {
		now = now.Add(10 * time.Millisecond)
		d.Tick(now)
	}
	return d, now
}

// BenchmarkScrape measures one scrape of a detector with a million waits.
func BenchmarkScrape(b *testing.B) {
	d, _ := crowded()
	stats := d.Stats()
	r := prometheus.NewRegistry()
	if _, err := New(r, func() detector.Stats { return stats }, func() uint64 { return 0 }); err != nil {
		b.Fatal(err)
	}
	h := promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: true})
	q := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil)
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		_, _ = io.Copy(io.Discard, w.Body)
	}
	b.ReportMetric(float64(len(stats.Flows)), "flows")
}

// BenchmarkTick measures how long a tick that counts keeps the detector of a
// million waits from what happens.
func BenchmarkTick(b *testing.B) {
	d, now := crowded()
	longest := time.Duration(0)
	for b.Loop() {
		now = now.Add(20 * time.Millisecond)
		began := time.Now()
		d.Tick(now)
		longest = max(longest, time.Since(began))
	}
	b.ReportMetric(longest.Seconds()*1e3, "ms-longest")
}
