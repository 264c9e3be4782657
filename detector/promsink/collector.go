package promsink

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/waitgraph/waitgraph/detector"
)

// figure is one of the detector's own figures as a metric.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(s *detector.Stats) float64
}

func gauge(name, help string, of func(s *detector.Stats) int) figure {
	return figure{describe(name, help), prometheus.GaugeValue, func(s *detector.Stats) float64 { return float64(of(s)) }}
}

func counter(name, help string, of func(s *detector.Stats) uint64) figure {
	return figure{describe(name, help), prometheus.CounterValue, func(s *detector.Stats) float64 { return float64(of(s)) }}
}

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil)
}

var figures = []figure{
	gauge("agents", "Agents heard within their lease.", func(s *detector.Stats) int { return s.Agents }),
	gauge("blocked_processes", "Processes that are known to be blocked.", func(s *detector.Stats) int { return s.Processes }),
	gauge("waits", "Resources that blocked processes wait for.", func(s *detector.Stats) int { return s.Waits }),
	gauge("deadlocked_processes", "Processes that nobody can free any more, core and collateral.", func(s *detector.Stats) int { return s.Deadlocked }),
	gauge("standing_deadlocks", "Verdicts that are suspected or confirmed and have not ended.", func(s *detector.Stats) int { return s.Standing }),
	gauge("recovering", "Whether not every agent has been heard out since the start: 1 or 0.", func(s *detector.Stats) int {
		if s.Recovering {
			return 1
		}
		return 0
	}),

	counter("reports_received_total", "States of processes that were received.", func(s *detector.Stats) uint64 { return s.Reports }),
	counter("reports_stale_total", "States that were older than what was known.", func(s *detector.Stats) uint64 { return s.Stale }),
	counter("digest_gaps_total", "Heartbeats that showed that reports had been missed.", func(s *detector.Stats) uint64 { return s.Gaps }),
	counter("questions_total", "Questions to agents.", func(s *detector.Stats) uint64 { return s.Questions }),
	counter("candidates_rejected_total", "Suspected verdicts that were retracted.", func(s *detector.Stats) uint64 { return s.Rejected }),
	counter("verdicts_contradicted_total", "Confirmed verdicts of which a member went on as if it had not been deadlocked.", func(s *detector.Stats) uint64 { return s.Contradicted }),
	counter("breaches_total", "Processes that answered a request while they claimed to be blocked.", func(s *detector.Stats) uint64 { return s.Breaches }),
}

// collector reads the detector's figures when it is scraped.
type collector struct {
	stats func() detector.Stats
}

var _ prometheus.Collector = collector{}

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range figures {
		ch <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	for _, f := range figures {
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, f.of(&s))
	}
}
