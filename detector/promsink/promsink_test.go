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
	return scrapeAs(t, r, "text/plain")
}

func scrapeAs(t *testing.T, r *prometheus.Registry, form string) string {
	t.Helper()
	w, q := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	q.Header.Set("Accept", form)
	promhttp.HandlerFor(r, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, q)
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newMetrics(t *testing.T, stats detector.Stats) (*Metrics, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	m, err := New(r, func() detector.Stats { return stats }, func() uint64 { return 7 })
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
		`waitgraph_standing_deadlocks{status="suspected"} 0`,
		`waitgraph_resolutions_total{cause="timeout"} 0`,
		`waitgraph_deadlock_blocked_seconds_count 0`,
		`waitgraph_timeouts_total{verdict="none"} 0`,
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
		Confirmed: 3, TimedOut: detector.Foresight{Confirmed: 13, Suspected: 14, None: 15}, Near: detector.Foresight{Confirmed: 16, Suspected: 17, None: 18},
		Flows: []detector.Flow{{
			Waiter: "a \"b\"\n", Holder: detector.UnknownService, Kind: report.Lock,
			Waits: 19, Deadlocked: 20, Waited: 21.5, Stuck: 22,
		}},
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
		`waitgraph_dropped_total{what="question"} 1`, `waitgraph_dropped_total{what="line"} 7`,
		`waitgraph_records_skipped_total 3`,
		`waitgraph_connected 1`,
		`waitgraph_agents 1`, `waitgraph_blocked_processes 2`, `waitgraph_waits 3`, `waitgraph_deadlocked_processes 4`,
		`waitgraph_standing_deadlocks{status="suspected"} 2`, `waitgraph_standing_deadlocks{status="confirmed"} 3`, `waitgraph_recovering 1`, `waitgraph_reports_received_total 6`,
		`waitgraph_reports_stale_total 7`, `waitgraph_digest_gaps_total 8`, `waitgraph_questions_total 9`,
		`waitgraph_candidates_rejected_total 10`, `waitgraph_verdicts_contradicted_total 11`, `waitgraph_breaches_total 12`,
		`waitgraph_timeouts_total{verdict="confirmed"} 13`, `waitgraph_timeouts_total{verdict="suspected"} 14`, `waitgraph_timeouts_total{verdict="none"} 15`,
		`waitgraph_near_timeouts_total{verdict="confirmed"} 16`, `waitgraph_near_timeouts_total{verdict="suspected"} 17`, `waitgraph_near_timeouts_total{verdict="none"} 18`,
		`waitgraph_service_waits{holder="unknown",resource="lock",waiter="a \"b\"\n"} 19`,
		`waitgraph_service_deadlocked_waits{holder="unknown",resource="lock",waiter="a \"b\"\n"} 20`,
		`waitgraph_service_wait_seconds_total{holder="unknown",resource="lock",waiter="a \"b\"\n"} 21.5`,
		`waitgraph_service_deadlocked_wait_seconds_total{holder="unknown",resource="lock",waiter="a \"b\"\n"} 22`,
	} {
		if !strings.Contains(text, "\n"+series+"\n") {
			t.Errorf("no %s", series)
		}
	}
}

// member returns a process that has waited since an instant, in a trace whose ID
// is this byte again and again; zero: in none.
func member(since time.Time, trace byte) detector.Member {
	w := report.Wait{Since: since}
	for i := range w.Trace.TraceID {
		w.Trace.TraceID[i] = trace
	}
	return detector.Member{Waits: []detector.Edge{{Wait: w}}}
}

func TestWhatADeadlockCost(t *testing.T) {
	m, r := newMetrics(t, detector.Stats{})
	at := time.Now()
	v := &detector.Verdict{
		Kind: detector.Cycle, Status: detector.Resolved, Cause: "timeout", Since: at, Suspected: at, Confirmed: at, Ended: at.Add(4 * time.Second),
		Core:       []detector.Member{member(at.Add(-time.Second), 0), member(at, 0xab)},
		Collateral: []detector.Member{member(at.Add(-time.Minute), 0), member(at.Add(2*time.Second), 0), member(at.Add(time.Hour), 0)},
		// Of the six behind it, the three that are listed were blocked for 4, 2 and 0 s.
		CollateralCount: 6,
	}
	m.Step(v)
	merged := *v
	merged.Cause = detector.CauseMerged
	m.Step(&merged)
	text := scrape(t, r)
	for _, series := range []string{
		`waitgraph_resolutions_total{cause="timeout"} 1`,
		`waitgraph_resolutions_total{cause="merged"} 1`,
		`waitgraph_deadlock_duration_seconds_sum 4`,
		`waitgraph_deadlock_duration_seconds_count 1`,
		`waitgraph_deadlock_blocked_seconds_sum 20`,
		`waitgraph_deadlock_blocked_seconds_count 1`,
	} {
		if !strings.Contains(text, "\n"+series+"\n") {
			t.Errorf("no %s", series)
		}
	}
}

// TestExemplars demands of OpenMetrics's form the trace in which a deadlock can
// be seen, and none where there is none.
func TestExemplars(t *testing.T) {
	m, r := newMetrics(t, detector.Stats{})
	at := time.Now()
	v := &detector.Verdict{
		Kind: detector.Cycle, Status: detector.Confirmed, Since: at, Suspected: at, Confirmed: at.Add(time.Second), FirstTimeout: at.Add(2 * time.Second),
		Core: []detector.Member{member(at, 0)},
	}
	m.Step(v)
	const form = "application/openmetrics-text; version=1.0.0"
	if text := scrapeAs(t, r, form); strings.Contains(text, "trace_id") {
		t.Errorf("an exemplar without a trace:\n%s", text)
	}
	v.Core = append(v.Core, member(at, 0xab))
	m.Step(v)
	text := scrapeAs(t, r, form)
	for _, bucket := range []string{
		`waitgraph_detection_latency_seconds_bucket{status="confirmed",le="1.6384"} 2`,
		`waitgraph_time_to_first_timeout_seconds_bucket{status="confirmed",le="1.024"} 2`,
	} {
		if want := bucket + ` # {trace_id="` + strings.Repeat("ab", 16) + `"} 1.0`; !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}
