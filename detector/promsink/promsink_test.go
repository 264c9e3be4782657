package promsink

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
)

func scrape(t *testing.T, r *prometheus.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newMetrics(t *testing.T, stats detector.Stats) (*Metrics, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	m, err := New(r, func() detector.Stats { return stats })
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

func TestEverySeriesExistsFromTheStart(t *testing.T) {
	_, r := newMetrics(t, detector.Stats{})
	text := scrape(t, r)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, series := range []string{
		`waitgraph_verdicts_total{kind="self",status="retracted"} 0`,
		`waitgraph_verdicts_total{kind="cycle",status="confirmed"} 0`,
		`waitgraph_detection_latency_seconds_count{status="confirmed"} 0`,
		`waitgraph_detection_latency_seconds_bucket{status="suspected",le="0.0001"} 0`,
		`waitgraph_time_to_first_timeout_seconds_count{status="suspected"} 0`,
		`waitgraph_messages_rejected_total{reason="malformed"} 0`,
		`waitgraph_dropped_total{what="event"} 0`,
		`waitgraph_standing_deadlocks 0`,
		`waitgraph_candidates_rejected_total 0`,
		`waitgraph_connected 0`,
	} {
		if !strings.Contains(text, "\n"+series+"\n") {
			t.Errorf("no %s", series)
		}
	}
}

func TestWhatHappensIsCounted(t *testing.T) {
	m, r := newMetrics(t, detector.Stats{
		Agents: 1, Processes: 2, Waits: 3, Deadlocked: 4, Standing: 5, Recovering: true,
		Reports: 6, Stale: 7, Gaps: 8, Questions: 9, Rejected: 10, Contradicted: 11, Breaches: 12,
	})
	at := time.Now()
	v := &detector.Verdict{
		Kind: detector.Cycle, Status: detector.Confirmed, Since: at, Suspected: at.Add(time.Millisecond),
		Confirmed: at.Add(250 * time.Millisecond), FirstTimeout: at.Add(5*time.Second + 250*time.Millisecond),
	}
	m.Step(v)
	ahead := *v
	ahead.Since = at.Add(time.Hour)
	m.Step(&ahead)
	suspected := *v
	suspected.Status = detector.Suspected
	m.Step(&suspected)
	m.Reject(fmt.Errorf("decode: %w", wire.ErrMalformed))
	m.Reject(fmt.Errorf("decode: %w", wire.ErrTooLarge))
	m.Reject(fmt.Errorf("decode: %w", report.ErrInvalid))
	m.Drop(DroppedQuestion)
	m.Skip(3)
	m.Connected(true)
	text := scrape(t, r)
	for _, series := range []string{
		`waitgraph_verdicts_total{kind="cycle",status="confirmed"} 2`,
		`waitgraph_verdicts_total{kind="cycle",status="suspected"} 1`,
		`waitgraph_detection_latency_seconds_sum{status="confirmed"} 0.25`,
		`waitgraph_detection_latency_seconds_count{status="confirmed"} 2`,
		`waitgraph_detection_latency_seconds_sum{status="suspected"} 0.001`,
		`waitgraph_detection_latency_seconds_count{status="suspected"} 2`,
		`waitgraph_time_to_first_timeout_seconds_sum{status="confirmed"} 10`,
		`waitgraph_time_to_first_timeout_seconds_count{status="suspected"} 1`,
		`waitgraph_messages_rejected_total{reason="invalid"} 1`,
		`waitgraph_messages_rejected_total{reason="malformed"} 1`,
		`waitgraph_messages_rejected_total{reason="too_large"} 1`,
		`waitgraph_dropped_total{what="question"} 1`,
		`waitgraph_records_skipped_total 3`,
		`waitgraph_connected 1`,
		`waitgraph_agents 1`, `waitgraph_blocked_processes 2`, `waitgraph_waits 3`, `waitgraph_deadlocked_processes 4`,
		`waitgraph_standing_deadlocks 5`, `waitgraph_recovering 1`, `waitgraph_reports_received_total 6`,
		`waitgraph_reports_stale_total 7`, `waitgraph_digest_gaps_total 8`, `waitgraph_questions_total 9`,
		`waitgraph_candidates_rejected_total 10`, `waitgraph_verdicts_contradicted_total 11`, `waitgraph_breaches_total 12`,
	} {
		if !strings.Contains(text, "\n"+series+"\n") {
			t.Errorf("no %s", series)
		}
	}
}
