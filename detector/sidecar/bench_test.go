package sidecar

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// BenchmarkDetection measures, over the RabbitMQ of AMQP_URL, the time from
// the report that closes a cycle of two to the verdict.
func BenchmarkDetection(b *testing.B) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		b.Skip("AMQP_URL is not set")
	}
	a, verdicts, connected := newAgent(b, broker{url: url}), make(chan detector.Verdict, 100), make(chan struct{})
	start(b, Config{URL: url, OnVerdict: about(a, verdicts), Log: onConnect(connected)})
	<-connected
	took := make(map[detector.Status][]float64)
	for b.Loop() {
		states := a.cycle(time.Minute)
		a.report(b, states[:1]...)
		began := time.Now()
		a.report(b, states...)
		for _, s := range []detector.Status{detector.Suspected, detector.Confirmed} {
			if v := next(b, verdicts); v.Status != s {
				b.Fatalf("%+v", v)
			}
			took[s] = append(took[s], float64(time.Since(began).Microseconds()))
		}
		a.report(b, ended(states)...)
		next(b, verdicts)
	}
	for s, all := range took {
		slices.Sort(all)
		b.ReportMetric(all[len(all)/2], "us-to-"+string(s)+"-p50")
		b.ReportMetric(all[len(all)*99/100], "us-to-"+string(s)+"-p99")
	}
}

// ended returns the reports by which all states end.
func ended(states []report.State) []report.State {
	over := slices.Clone(states)
	for i := range over {
		over[i].Seq, over[i].Waits, over[i].Need, over[i].Holds = over[i].Seq+1, nil, 0, nil
		over[i].Ended = &report.End{Epoch: over[i].Epoch, Cause: report.TimedOut}
	}
	return over
}
