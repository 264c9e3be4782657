package amqprpc_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// BenchmarkCall compares what one uncontended call costs when it is written by
// hand, and with this package: bare, traced by the OpenTelemetry SDK, and
// observed by waitgraph besides. The variants take turns within each
// iteration, since the machine's moods last longer than a call. Metrics are the
// percentiles of each variant's latency in microseconds, the ratio of the
// medians, and what waitgraph would have reported.
func BenchmarkCall(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchmarkCall(b, callers) })
	}
}

func benchmarkCall(b *testing.B, callers int) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		b.Skip("AMQP_URL is not set")
	}
	sdk := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithBatcher(tracetest.NewNoopExporter()))
	b.Cleanup(func() { _ = sdk.Shutdown(context.Background()) })
	here, there := newAgent(b), newAgent(b)
	variants := []*variant{
		{name: "hand", call: handwritten(b, url)},
		{name: "bare", call: library(b, url, nil, nil, callers, amqprpc.WithTracerProvider(noop.NewTracerProvider()))},
		{name: "otel", call: library(b, url, nil, nil, callers, amqprpc.WithTracerProvider(sdk))},
		{name: "waitgraph", call: library(b, url, here, there, callers, amqprpc.WithTracerProvider(sdk))},
	}
	for _, v := range variants {
		v.turn(b, callers) // warm up
		v.took = nil
	}
	for b.Loop() {
		rand.Shuffle(len(variants), func(i, j int) { variants[i], variants[j] = variants[j], variants[i] })
		for _, v := range variants {
			v.turn(b, callers)
		}
	}
	medians := make(map[string]float64)
	for _, v := range variants {
		slices.Sort(v.took)
		medians[v.name] = v.percentile(50)
		b.ReportMetric(v.percentile(50), v.name+"-p50-µs")
		b.ReportMetric(v.percentile(99), v.name+"-p99-µs")
	}
	b.ReportMetric(medians["waitgraph"]/medians["otel"], "waitgraph/otel")
	b.ReportMetric(float64(len(reported(here))+len(reported(there))), "reports")
	b.ReportMetric(0, "ns/op")
}

// variant is one way to call.
type variant struct {
	name string
	call func(caller int) error
	took []time.Duration
}

// turn makes one call, or lets each of many callers make a few at the same
// time.
func (v *variant) turn(b *testing.B, callers int) {
	each := 1
	if callers > 1 {
		each = 5
	}
	took := make([]time.Duration, callers*each)
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for i := range each {
				began := time.Now()
				if err := v.call(caller); err != nil {
					b.Error(v.name, err)
				}
				took[caller*each+i] = time.Since(began)
			}
		})
	}
	group.Wait()
	v.took = append(v.took, took...)
}

// percentile returns microseconds. The durations must be sorted.
func (v *variant) percentile(p int) float64 {
	return float64(v.took[(len(v.took)-1)*p/100].Nanoseconds()) / 1000
}

const benchPrefetch = 64

var benchBody = []byte("what is the answer?")

// library sets up a client and a server as two OS processes would be, each with
// an agent of its own, and returns what makes a call.
func library(b *testing.B, url string, here, there *tracing.Agent, callers int, opts ...amqprpc.Option) func(int) error {
	b.Helper()
	w := &benchWorld{b}
	client := w.connect(amqprpc.Config{URL: url, Agent: here}, opts...)
	server := w.connect(amqprpc.Config{URL: url, Agent: there}, opts...)
	queue := fmt.Sprintf("%s/%d", b.Name(), time.Now().UnixNano())
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- server.Serve(ctx, amqprpc.Server{
			Queue: queue, Prefetch: benchPrefetch, Handler: echo,
			Declare: func(ch *amqp.Channel) error { defer close(ready); return exclusive(queue)(ch) },
		})
	}()
	<-ready
	b.Cleanup(func() { stop(); <-done })

	contexts := make([]context.Context, callers)
	for i := range contexts {
		contexts[i] = tracing.WithProcess(ctx, here.Process("caller/"+strconv.Itoa(i)))
	}
	return func(caller int) error {
		_, err := client.Call(contexts[caller], amqprpc.Call{Key: queue, Body: benchBody})
		return err
	}
}

type benchWorld struct{ *testing.B }

func (w *benchWorld) connect(cfg amqprpc.Config, opts ...amqprpc.Option) *amqprpc.Conn {
	conn, err := amqprpc.Dial(context.Background(), cfg, opts...)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(conn.Close)
	return conn
}

// handwritten is what the client library's users write: a connection each to
// publish and to consume, a lock around the channel, replies by correlation ID.
func handwritten(b *testing.B, url string) func(int) error {
	b.Helper()
	channel := func() *amqp.Channel {
		conn, err := amqp.Dial(url)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		ch, err := conn.Channel()
		if err != nil {
			b.Fatal(err)
		}
		return ch
	}
	consume := func(ch *amqp.Channel, autoAck bool) (string, <-chan amqp.Delivery) {
		q, err := ch.QueueDeclare("", false, true, true, false, nil)
		if err != nil {
			b.Fatal(err)
		}
		deliveries, err := ch.Consume(q.Name, "", autoAck, true, false, false, nil)
		if err != nil {
			b.Fatal(err)
		}
		return q.Name, deliveries
	}

	in, out := channel(), channel()
	if err := in.Qos(benchPrefetch, 0, false); err != nil {
		b.Fatal(err)
	}
	queue, requests := consume(in, false)
	go func() {
		for d := range requests {
			_ = out.Publish("", d.ReplyTo, false, false, amqp.Publishing{CorrelationId: d.CorrelationId, Body: d.Body})
			_ = d.Ack(false)
		}
	}()

	var mu sync.Mutex
	var serial uint64
	pending := make(map[string]chan amqp.Delivery)
	publish := channel()
	replyTo, replies := consume(channel(), true)
	go func() {
		for d := range replies {
			mu.Lock()
			pending[d.CorrelationId] <- d
			delete(pending, d.CorrelationId)
			mu.Unlock()
		}
	}()
	return func(int) error {
		reply := make(chan amqp.Delivery, 1)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		mu.Lock()
		serial++
		id := strconv.FormatUint(serial, 10)
		pending[id] = reply
		err := publish.PublishWithContext(ctx, "", queue, true, false, amqp.Publishing{CorrelationId: id, ReplyTo: replyTo, Body: benchBody})
		mu.Unlock()
		if err != nil {
			return err
		}
		select {
		case <-reply:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
