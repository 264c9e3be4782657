// Package promsink shows a detector to Prometheus.
//
// The figures that the detector keeps itself ([detector.Stats]) are read when
// they are scraped; what happens in between is counted as it happens. Every
// series exists from the start, with the value 0, so that the first deadlock is
// an increase that an alert can see. No label ever holds the name or the ID of
// anything observed.
package promsink

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
)

const namespace = "waitgraph"

var (
	kinds    = []detector.Kind{detector.Self, detector.Cycle, detector.Knot}
	statuses = []detector.Status{detector.Suspected, detector.Confirmed, detector.Resolved, detector.Retracted}
)

// Why a message was rejected.
const (
	malformed = "malformed"
	tooLarge  = "too_large"
	invalid   = "invalid"
)

// Metrics counts what happens around one detector. It is safe for concurrent
// use.
type Metrics struct {
	verdicts  *prometheus.CounterVec
	detection *prometheus.HistogramVec
	timeLeft  *prometheus.HistogramVec
	rejected  *prometheus.CounterVec
	dropped   *prometheus.CounterVec
	skipped   prometheus.Counter
	connected prometheus.Gauge
}

// What is dropped when it comes faster than it can be dealt with.
const (
	DroppedEvent        = "event" // a batch of reports, or what the broker had to say
	DroppedQuestion     = "question"
	DroppedCount        = "count"
	DroppedAnnouncement = "announcement"
	DroppedRecord       = "record" // a line of a recording
)

// New returns metrics that are registered with r. Stats is called for each
// scrape, from any goroutine, and must return at once.
func New(r prometheus.Registerer, stats func() detector.Stats) (*Metrics, error) {
	m := &Metrics{
		verdicts:  counters("verdicts_total", "Steps of verdicts, by the shape of the core and what the verdict became.", "kind", "status"),
		detection: histograms("detection_latency_seconds", "Time from the beginning of the last wait of a deadlock, by the clock of its agent, until it was suspected and confirmed; of those that were confirmed.", 100e-6, 17),
		timeLeft:  histograms("time_to_first_timeout_seconds", "Time left, when a verdict was announced, until the first process of core and collateral gives up.", 1e-3, 20),
		rejected:  counters("messages_rejected_total", "Messages that were no valid batch of reports, by reason.", "reason"),
		dropped:   counters("dropped_total", "What was dropped because it came faster than it could be dealt with.", "what"),
		skipped:   prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "records_skipped_total", Help: "Log records of an event that this version does not know."}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "connected", Help: "Whether reports are being received: 1 or 0."}),
	}
	m.initialise()
	for _, c := range []prometheus.Collector{m.verdicts, m.detection, m.timeLeft, m.rejected, m.dropped, m.skipped, m.connected, collector{stats}} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// histograms has n classic buckets that double from least, and native ones.
func histograms(name, help string, least float64, n int) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets:                         prometheus.ExponentialBuckets(least, 2, n),
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"status"})
}

func (m *Metrics) initialise() {
	for _, s := range statuses {
		for _, k := range kinds {
			m.verdicts.WithLabelValues(string(k), string(s))
		}
	}
	for _, s := range []detector.Status{detector.Suspected, detector.Confirmed} {
		m.detection.WithLabelValues(string(s))
		m.timeLeft.WithLabelValues(string(s))
	}
	for _, reason := range []string{malformed, tooLarge, invalid} {
		m.rejected.WithLabelValues(reason)
	}
	for _, what := range []string{DroppedEvent, DroppedQuestion, DroppedCount, DroppedAnnouncement, DroppedRecord} {
		m.dropped.WithLabelValues(what)
	}
}

// Step counts that a verdict has become what its status says.
func (m *Metrics) Step(v *detector.Verdict) {
	m.verdicts.WithLabelValues(string(v.Kind), string(v.Status)).Inc()
	switch v.Status {
	case detector.Suspected:
		m.left(v, v.Suspected)
	case detector.Confirmed:
		m.left(v, v.Confirmed)
		m.detected(v)
	}
}

// detected observes how long a confirmed deadlock went unseen. Only by then is
// it known for all its waits when they began.
func (m *Metrics) detected(v *detector.Verdict) {
	if v.Since.IsZero() {
		return
	}
	m.detection.WithLabelValues(string(detector.Suspected)).Observe(max(v.Suspected.Sub(v.Since), 0).Seconds())
	m.detection.WithLabelValues(string(detector.Confirmed)).Observe(max(v.Confirmed.Sub(v.Since), 0).Seconds())
}

// left observes how much time was left at an instant.
func (m *Metrics) left(v *detector.Verdict, at time.Time) {
	if !v.FirstTimeout.IsZero() {
		m.timeLeft.WithLabelValues(string(v.Status)).Observe(max(v.FirstTimeout.Sub(at), 0).Seconds())
	}
}

// Reject counts a message that was no valid batch.
func (m *Metrics) Reject(err error) {
	reason := malformed
	switch {
	case errors.Is(err, wire.ErrTooLarge):
		reason = tooLarge
	case errors.Is(err, report.ErrInvalid):
		reason = invalid
	}
	m.rejected.WithLabelValues(reason).Inc()
}

// Drop counts one of the things that were dropped; what is one of the
// constants above.
func (m *Metrics) Drop(what string) { m.dropped.WithLabelValues(what).Inc() }

// Skip counts records that were skipped.
func (m *Metrics) Skip(n uint64) { m.skipped.Add(float64(n)) }

// Connected says whether reports are being received.
func (m *Metrics) Connected(up bool) {
	if up {
		m.connected.Set(1)
		return
	}
	m.connected.Set(0)
}
