package alertsink

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What becomes of a state that is to be told.
const (
	sent       = "sent"       // and accepted
	superseded = "superseded" // there was a newer one of the same alert first
	rejected   = "rejected"   // the receiver does not want it, or redirects
	expired    = "expired"    // it could not be sent while it was worth it
	dropped    = "dropped"    // too many others were waiting
)

var outcomes = []string{sent, superseded, rejected, expired, dropped}

// metrics are those of all receivers.
type metrics struct {
	notifications *prometheus.CounterVec
	retries       *prometheus.CounterVec
	pending       *prometheus.GaugeVec
	latency       *prometheus.HistogramVec
}

// newMetrics registers metrics with r, if there is one. Every series exists from
// the start.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	const namespace = "waitgraph"
	target := []string{"target"}
	m := &metrics{
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "notifications_total", Help: "States of alerts that were to be pushed to a kind of receiver, by what became of them."}, []string{"target", "outcome"}),
		retries:       prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "notification_retries_total", Help: "Attempts to push alerts that failed and are made again."}, target),
		pending:       prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "notifications_pending", Help: "States of alerts that wait to be accepted."}, target),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "notification_latency_seconds", Help: "Time from the announcement of a verdict's step until a receiver had accepted it.",
			Buckets:                         prometheus.ExponentialBuckets(1e-3, 2, 16),
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  160,
			NativeHistogramMinResetDuration: time.Hour,
		}, target),
	}
	for _, f := range forms {
		for _, o := range outcomes {
			m.notifications.WithLabelValues(f.kind, o)
		}
		m.retries.WithLabelValues(f.kind)
		m.pending.WithLabelValues(f.kind)
		m.latency.WithLabelValues(f.kind)
	}
	if r == nil {
		return m, nil
	}
	if err := errors.Join(r.Register(m.notifications), r.Register(m.retries), r.Register(m.pending), r.Register(m.latency)); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// counts are the metrics of one receiver.
type counts struct {
	*metrics
	kind string
	last *int // what the receiver added to pending, guarded by its queue
}

func (m *metrics) of(f form) counts { return counts{m, f.kind, new(int)} }

func (c counts) count(outcome string) { c.notifications.WithLabelValues(c.kind, outcome).Inc() }

func (c counts) retry() { c.retries.WithLabelValues(c.kind).Inc() }

func (c counts) took(d time.Duration) {
	c.latency.WithLabelValues(c.kind).Observe(max(d, 0).Seconds())
}

func (c counts) waiting(n int) {
	c.pending.WithLabelValues(c.kind).Add(float64(n - *c.last))
	*c.last = n
}
