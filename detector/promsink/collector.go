package promsink

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/waitgraph/waitgraph/detector"
)

// figure is one of the detector's own figures as a metric.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(s *detector.Stats) []sample
}

// sample is one of a metric's values, with the values of its labels.
type sample struct {
	value  float64
	labels []string
}

func gauge(name, help string, of func(s *detector.Stats) int) figure {
	return figure{describe(name, help), prometheus.GaugeValue, func(s *detector.Stats) []sample { return []sample{{value: float64(of(s))}} }}
}

func counter(name, help string, of func(s *detector.Stats) uint64) figure {
	return figure{describe(name, help), prometheus.CounterValue, func(s *detector.Stats) []sample { return []sample{{value: float64(of(s))}} }}
}

// foresight counts processes by the verdict about them.
func foresight(name, help string, of func(s *detector.Stats) detector.Foresight) figure {
	return figure{describe(name, help, "verdict"), prometheus.CounterValue, func(s *detector.Stats) []sample {
		f := of(s)
		return []sample{
			{float64(f.Confirmed), []string{string(detector.Confirmed)}},
			{float64(f.Suspected), []string{string(detector.Suspected)}},
			{float64(f.None), []string{"none"}},
		}
	}}
}

// flow is about the waits of one service for another.
func flow(name, help string, kind prometheus.ValueType, of func(f *detector.Flow) float64) figure {
	return figure{describe(name, help, "waiter", "holder", "resource"), kind, func(s *detector.Stats) []sample {
		all := make([]sample, len(s.Flows))
		for i := range s.Flows {
			f := &s.Flows[i]
			all[i] = sample{of(f), []string{f.Waiter, f.Holder, f.Kind.String()}}
		}
		return all
	}}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// standing tells verdicts by their status.
func standing(s *detector.Stats) []sample {
	return []sample{
		{float64(s.Confirmed), []string{string(detector.Confirmed)}},
		{float64(s.Standing - s.Confirmed), []string{string(detector.Suspected)}},
	}
}

var figures = []figure{
	{describe("standing_deadlocks", "Verdicts that have not ended.", "status"), prometheus.GaugeValue, standing},
	gauge("agents", "Agents heard within their lease.", func(s *detector.Stats) int { return s.Agents }),
	gauge("blocked_processes", "Processes that are known to be blocked.", func(s *detector.Stats) int { return s.Processes }),
	gauge("waits", "Resources that blocked processes wait for.", func(s *detector.Stats) int { return s.Waits }),
	gauge("deadlocked_processes", "Processes that nobody can free any more, core and collateral.", func(s *detector.Stats) int { return s.Deadlocked }),
	gauge("pools_on_last_worker", "Pools of which one worker is left that is not blocked, while a blocked one waits for a request to the pool itself.", func(s *detector.Stats) int { return s.LastWorkers }),
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
	counter("pool_last_workers_total", "Times that a pool came to its last worker.", func(s *detector.Stats) uint64 { return s.LastWorkersSeen }),
	counter("breaches_total", "Processes that answered a request while they claimed to be blocked.", func(s *detector.Stats) uint64 { return s.Breaches }),

	foresight("near_timeouts_total", "Blocked processes three quarters of whose time was used up, by the verdict announced about them.", func(s *detector.Stats) detector.Foresight { return s.Near }),
	foresight("timeouts_total", "Blocked processes that gave up at a timeout, by the verdict announced about them.", func(s *detector.Stats) detector.Foresight { return s.TimedOut }),

	flow("service_waits", "Waits of a service's processes for what those of another can grant.", prometheus.GaugeValue, func(f *detector.Flow) float64 { return float64(f.Waits) }),
	flow("service_deadlocked_waits", "Of them, waits of deadlocked processes.", prometheus.GaugeValue, func(f *detector.Flow) float64 { return float64(f.Deadlocked) }),
	flow("service_wait_seconds_total", "Time waited by a service's processes for what those of another can grant.", prometheus.CounterValue, func(f *detector.Flow) float64 { return f.Waited }),
	flow("service_deadlocked_wait_seconds_total", "Of it, time waited by deadlocked processes.", prometheus.CounterValue, func(f *detector.Flow) float64 { return f.Stuck }),
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
		for _, v := range f.of(&s) {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v.value, v.labels...)
		}
	}
}

// dropped collects with what is counted here the lines of the log, which are
// counted elsewhere.
type dropped struct {
	*prometheus.CounterVec
	lines func() uint64
}

var droppedLines = describe("dropped_total", helpDropped, "what")

// Collect implements prometheus.Collector.
func (d dropped) Collect(ch chan<- prometheus.Metric) {
	d.CounterVec.Collect(ch)
	ch <- prometheus.MustNewConstMetric(droppedLines, prometheus.CounterValue, float64(d.lines()), droppedLine)
}
