package endtoend_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
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

// BenchmarkDelivery measures what the broker alone takes to hand over the requests of
// a ring that closes all at once, from the last of them: without instrumentation,
// agent or detector. No detector that goes by the requests can be quicker.
func BenchmarkDelivery(b *testing.B) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		b.Skip("AMQP_URL is not set")
	}
	for _, size := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("ring=%d/at_once", size), func(b *testing.B) {
			out, arrived := bareRing(b, url, size)
			var took []time.Duration
			for b.Loop() {
				last := out()
				for range size - 1 {
					<-arrived
				}
				took = append(took, (<-arrived).Sub(last))
			}
			b.ReportMetric(0, "ns/op")
			figure(b, "delivered", took)
		})
	}
}

// bareRing declares and consumes as many queues. What it returns sends a request to
// each, all at once, and returns when the last was sent.
func bareRing(b *testing.B, url string, size int) (send func() (last time.Time), arrived <-chan time.Time) {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	publish, err := amqp.Dial(url)
	must(err)
	b.Cleanup(func() { _ = publish.Close() })
	consume, err := amqp.Dial(url)
	must(err)
	b.Cleanup(func() { _ = consume.Close() })
	out, err := publish.Channel()
	must(err)
	in, names := make(chan time.Time, size), make([]string, size)
	for i := range names {
		ch, err := consume.Channel()
		must(err)
		q, err := ch.QueueDeclare("", false, true, true, false, nil)
		must(err)
		deliveries, err := ch.Consume(q.Name, "", true, true, false, false, nil)
		must(err)
		names[i] = q.Name
		go func() {
			for range deliveries {
				in <- time.Now()
			}
		}()
	}
	return func() (last time.Time) {
		var mu sync.Mutex
		var all sync.WaitGroup
		open := make(chan struct{})
		for _, name := range names {
			all.Go(func() {
				<-open
				mu.Lock()
				last = time.Now()
				mu.Unlock()
				_ = out.Publish("", name, false, false, amqp.Publishing{Body: []byte("request")})
			})
		}
		close(open)
		all.Wait()
		return last
	}, in
}

func figure(b *testing.B, what string, took []time.Duration) {
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		at := took[min(len(took)-1, len(took)*p/100)]
		b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("ms_%s_p%d", what, p))
	}
}
