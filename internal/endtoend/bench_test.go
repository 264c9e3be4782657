package endtoend_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

// BenchmarkDetection measures, on RabbitMQ, the time from the last blocking
// send of a deadlock to the detector's announcements.
func BenchmarkDetection(b *testing.B) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		b.Skip("AMQP_URL is not set")
	}
	for _, c := range []struct {
		name     string
		size     int
		prefetch int
		atOnce   bool
	}{
		{"crossing", 2, 16, true},
		{"in_band", 2, 16, false},
		{"undelivered", 2, 1, true}, // the closing request stays in the broker
		{"ring=10/one_call", 10, 16, false},
		{"ring=10/at_once", 10, 16, true},
		{"ring=100/one_call", 100, 16, false},
		{"ring=100/at_once", 100, 16, true},
		{"ring=1000/one_call", 1000, 16, false},
		{"ring=1000/at_once", 1000, 16, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newSystem(b, url, new(net.Dialer).Dial)
			s.watch()
			r := newRing(s, c.size, c.prefetch)
			s.acquaint()
			var suspected, confirmed []time.Duration
			for b.Loop() {
				last, sus, con := r.deadlock(c.atOnce)
				suspected = append(suspected, sus.at.Sub(last))
				confirmed = append(confirmed, con.at.Sub(last))
			}
			b.ReportMetric(0, "ns/op")
			figure(b, "suspected", suspected)
			figure(b, "confirmed", confirmed)
		})
	}
}

func figure(b *testing.B, what string, took []time.Duration) {
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		at := took[min(len(took)-1, len(took)*p/100)]
		b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("ms_%s_p%d", what, p))
	}
}
