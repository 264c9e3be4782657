//go:build unix

package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// crowded has many waits.
type crowded struct {
	fakeSystem
	members []detector.Process
}

func (c crowded) Graph(context.Context) (detector.Snapshot, time.Time, error) {
	return detector.Snapshot{Processes: c.members}, at, nil
}

func newCrowded(n int) (c crowded) {
	key := func(i int) report.Key {
		return report.Key{Agent: report.Agent{Name: fmt.Sprint("orders@host-", i%50), Incarnation: 1}, Process: fmt.Sprint("orders.worker:", i), Activation: 1}
	}
	for i := range n {
		m := detector.Member{Key: key(i), Service: fmt.Sprint("orders", i%50), Host: "host", Epoch: 7, Need: 1, Waits: []detector.Edge{{
			Wait: report.Wait{
				Resource: report.Resource(fmt.Sprint("orders#1/", i)), Kind: report.Reply, Since: at, Deadline: at.Add(5 * time.Second),
				Destination: report.Destination{Key: "stock.reserve"}, Trace: report.TraceContext{TraceID: [16]byte{1}, SpanID: [8]byte{2}},
			},
			Holders: []report.Key{key((i + 1) % n)},
		}}}
		c.members = append(c.members, detector.Process{Member: m})
	}
	return c
}

// BenchmarkGraph asks for the whole graph over TCP and reads it to its end.
func BenchmarkGraph(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			server := httptest.NewServer(NewHandler(newCrowded(n), http.NotFoundHandler()))
			defer server.Close()
			var size int64
			for b.Loop() {
				r, err := server.Client().Get(server.URL + "/api/v1/graph")
				if err != nil {
					b.Fatal(err)
				}
				if size, err = io.Copy(io.Discard, r.Body); err != nil || r.StatusCode != http.StatusOK {
					b.Fatal(r.Status, err)
				}
				r.Body.Close()
			}
			b.ReportMetric(float64(size)/1e6, "MB")
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/answer")
		})
	}
}

// BenchmarkEvents has clients follow events over TCP, in this same process, and
// reports what one second of it costs: without news, and with news all the time.
func BenchmarkEvents(b *testing.B) {
	for _, clients := range []int{0, 1, 1000} {
		for _, news := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/news=%t", clients, news), func(b *testing.B) {
				var reports atomic.Uint64
				server := httptest.NewServer(NewHandler(pulse{reports: &reports, news: news}, http.NotFoundHandler()))
				ctx, leave := context.WithCancel(b.Context())
				defer server.Close()
				defer leave()
				for range clients {
					q, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+eventsPath, nil)
					if err != nil {
						b.Fatal(err)
					}
					r, err := server.Client().Do(q) //nolint:bodyclose // closed when all has been read
					if err != nil {
						b.Fatal(err)
					}
					go func() {
						_, _ = io.Copy(io.Discard, r.Body) // until it leaves
						r.Body.Close()
					}()
				}
				time.Sleep(lookEvery * 3)
				before := processorTime(b)
				for b.Loop() {
					time.Sleep(time.Second)
				}
				b.ReportMetric((processorTime(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/s")
				b.ReportMetric(float64(reports.Load()), "asked")
			})
		}
	}
}

// pulse has news whenever it is asked, or never.
type pulse struct {
	fakeSystem
	reports *atomic.Uint64
	news    bool
}

func (p pulse) State() (State, error) {
	n := p.reports.Add(1)
	if !p.news {
		n = 0
	}
	return State{Ready: true, Reports: n}, nil
}

// processorTime is what this OS process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
