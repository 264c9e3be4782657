// Package promsink shows a detector to Prometheus.
//
// The figures that the detector keeps itself ([detector.Stats]) are read when
// they are scraped; what happens in between is counted as it happens. Every
// series exists from the start, with the value 0, so that the first deadlock is
// an increase that an alert can see; only the flows between services come as they
// are first seen, and there are at most 200 of them. No label ever holds an ID or
// the name of a process.
package promsink

import (
	"encoding/hex"
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
	causes   = []string{
		report.Granted.String(), report.TimedOut.String(), report.Cancelled.String(), report.Crashed.String(),
		detector.CauseHolderJoined, detector.CauseAgentLost, detector.CauseReleased, detector.CauseMerged, detector.CauseUnknown,
	}
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
	ended     *prometheus.CounterVec
	lasted    prometheus.Histogram
	blocked   prometheus.Histogram
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
	DroppedRecord       = "record"  // a line of a recording
	DroppedHistory      = "history" // a step of a deadlock that was to be kept

	droppedLine = "line" // of the log, counted where it is dropped
)

const helpDropped = "What was dropped because it came faster than it could be dealt with."

// New returns metrics that are registered with r. Stats, and lines, which tells
// how many lines of the log were dropped, are called for each scrape, from any
// goroutine, and must return at once.
func New(r prometheus.Registerer, stats func() detector.Stats, lines func() uint64) (*Metrics, error) {
	m := &Metrics{
		verdicts:  counters("verdicts_total", "Steps of verdicts, by the shape of the core and what the verdict became.", "kind", "status"),
		ended:     counters("resolutions_total", "Deadlocks that ended, by how.", "cause"),
		lasted:    prometheus.NewHistogram(options("deadlock_duration_seconds", "Time from the beginning of the last wait of a deadlock until it ended.", 1e-2, 18)),
		blocked:   prometheus.NewHistogram(options("deadlock_blocked_seconds", "What a deadlock cost until it ended: the time for which it blocked the processes of core and collateral, together.", 1e-2, 24)),
		detection: histograms("detection_latency_seconds", "Time from the beginning of the last wait of a deadlock, by the clock of its agent, until it was suspected and confirmed; of those that were confirmed.", 100e-6, 17),
		timeLeft:  histograms("time_to_first_timeout_seconds", "Time left, when a verdict was announced, until the first process of core and collateral gives up.", 1e-3, 20),
		rejected:  counters("messages_rejected_total", "Messages that were no valid batch of reports, by reason.", "reason"),
		dropped:   counters("dropped_total", helpDropped, "what"),
		skipped:   prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "records_skipped_total", Help: "Log records of an event that this version does not know."}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: "connected", Help: "Whether reports are being received: 1 or 0."}),
	}
	m.initialise()
	for _, c := range []prometheus.Collector{m.verdicts, m.detection, m.timeLeft, m.ended, m.lasted, m.blocked, m.rejected, dropped{m.dropped, lines}, m.skipped, m.connected, collector{stats}} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, least float64, n int) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(options(name, help, least, n), []string{"status"})
}

// options are those of a histogram with n classic buckets that double from
// least, and native ones.
func options(name, help string, least float64, n int) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help,
		Buckets:                         prometheus.ExponentialBuckets(least, 2, n),
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}
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
	for _, cause := range causes {
		m.ended.WithLabelValues(cause)
	}
	for _, reason := range []string{malformed, tooLarge, invalid} {
		m.rejected.WithLabelValues(reason)
	}
	for _, what := range []string{DroppedEvent, DroppedQuestion, DroppedCount, DroppedAnnouncement, DroppedRecord, DroppedHistory} {
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
	case detector.Resolved:
		m.resolved(v)
	}
}

// detected observes how long a confirmed deadlock went unseen. Only by then is
// it known for all its waits when they began.
func (m *Metrics) detected(v *detector.Verdict) {
	if v.Since.IsZero() {
		return
	}
	observe(m.detection.WithLabelValues(string(detector.Suspected)), v.Suspected.Sub(v.Since), v)
	observe(m.detection.WithLabelValues(string(detector.Confirmed)), v.Confirmed.Sub(v.Since), v)
}

// resolved counts how a deadlock ended and what it has cost. One that became
// part of another is at the other's cost.
func (m *Metrics) resolved(v *detector.Verdict) {
	m.ended.WithLabelValues(v.Cause).Inc()
	if v.Cause == detector.CauseMerged {
		return
	}
	observe(m.lasted, v.Ended.Sub(v.Since), v)
	observe(m.blocked, cost(v), v)
}

// cost returns for how long a verdict that has ended had blocked the
// processes of core and collateral, together, since it formed. Those of the
// collateral are as of its last announcement; of those that it does not list,
// each counts as the average of the listed ones.
func cost(v *detector.Verdict) time.Duration {
	behind := blocked(v, v.Collateral)
	if listed := len(v.Collateral); listed > 0 {
		behind = time.Duration(float64(behind) * float64(v.CollateralCount) / float64(listed))
	}
	return blocked(v, v.Core) + behind
}

func blocked(v *detector.Verdict, members []detector.Member) time.Duration {
	var sum time.Duration
	for i := range members {
		var began time.Time
		for _, w := range members[i].Waits {
			if began.IsZero() || w.Since.Before(began) {
				began = w.Since
			}
		}
		if began.Before(v.Since) {
			began = v.Since
		}
		sum += max(v.Ended.Sub(began), 0)
	}
	return sum
}

// observe notes a time, and a trace in which it can be seen if there is one.
func observe(to prometheus.Observer, d time.Duration, v *detector.Verdict) {
	seconds := max(d, 0).Seconds()
	if e, ok := to.(prometheus.ExemplarObserver); ok {
		if id := trace(v); id != "" {
			e.ObserveWithExemplar(seconds, prometheus.Labels{"trace_id": id})
			return
		}
	}
	to.Observe(seconds)
}

// trace returns the ID of the first trace that a verdict's core knows of, empty
// if there is none.
func trace(v *detector.Verdict) string {
	for i := range v.Core {
		for _, w := range v.Core[i].Waits {
			if id := w.Trace.TraceID; id != [16]byte{} {
				return hex.EncodeToString(id[:])
			}
		}
	}
	return ""
}

// left observes how much time was left at an instant.
func (m *Metrics) left(v *detector.Verdict, at time.Time) {
	if !v.FirstTimeout.IsZero() {
		observe(m.timeLeft.WithLabelValues(string(v.Status)), v.FirstTimeout.Sub(at), v)
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
