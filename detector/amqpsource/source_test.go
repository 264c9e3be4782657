package amqpsource

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// hearing is a Sink that keeps what it is told. On RabbitMQ other tests report
// as well, so events are picked by what they are about.
type hearing struct {
	events     chan detector.Event
	sizes      chan int // of them, in the same order
	drops      int
	rejections chan error
	connects   chan struct{}
	losses     chan error
}

func newHearing() *hearing {
	return &hearing{
		events: make(chan detector.Event, 4*prefetch), sizes: make(chan int, 4*prefetch),
		rejections: make(chan error, 1000), connects: make(chan struct{}, 100), losses: make(chan error, 100),
	}
}

func (h *hearing) Deliver(e detector.Event, size int) {
	offer(h.events, e)
	offer(h.sizes, size)
}
func (h *hearing) Drop()                { h.drops++ }
func (h *hearing) Reject(err error)     { offer(h.rejections, err) }
func (h *hearing) Skip(uint64)          {}
func (h *hearing) Connect()             { offer(h.connects, struct{}{}) }
func (h *hearing) Disconnect(err error) { offer(h.losses, err) }

// patience bounds how long a test waits for what must come.
const patience = 10 * time.Second

func await[T any](t *testing.T, from <-chan T, wanted func(T) bool) (got T) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case got = <-from:
			if wanted(got) {
				return got
			}
		case <-late:
			t.Fatalf("no such %T came", got)
		}
	}
}

func anything[T any](T) bool { return true }

// listen runs a source until the test ends. Without services it hears all.
func listen(t *testing.T, b brokertest.Broker, services ...string) (*Source, *hearing) {
	t.Helper()
	h := newHearing()
	s := New(Config{URL: b.URL, Name: "amqpsource-test", Dial: b.Dial, Services: services}, h)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	await(t, h.connects, anything)
	return s, h
}

func from(a report.Agent) func(detector.Event) bool {
	return func(e detector.Event) bool {
		r, ok := e.(detector.Reported)
		return ok && r.Batch.Agent == a
	}
}

func TestSizesAreTold(t *testing.T) {
	h, body := newHearing(), heartbeat(t, newAgent())
	New(Config{}, h).decode(new(wire.Decoder), body)
	if size := <-h.sizes; size != len(body) {
		t.Errorf("a batch in %d bytes is said to be of %d", len(body), size)
	}
}

// acknowledged is the tags up to which deliveries were acknowledged.
type acknowledged []uint64

func (a *acknowledged) Ack(tag uint64, _ bool) error { *a = append(*a, tag); return nil }
func (*acknowledged) Nack(uint64, bool, bool) error  { return nil }
func (*acknowledged) Reject(uint64, bool) error      { return nil }

// TestLargeReportsThatComeTooFastAreDropped delivers all that the broker may before
// the first is decoded. What is dropped is acknowledged with the rest.
func TestLargeReportsThatComeTooFastAreDropped(t *testing.T) {
	var acks acknowledged
	deliveries, body := make(chan amqp.Delivery, prefetch), make([]byte, 1<<20)
	for i := range prefetch {
		deliveries <- amqp.Delivery{Acknowledger: &acks, DeliveryTag: uint64(i + 1), Body: body}
	}
	close(deliveries)
	b := newBacklog()
	if err := b.take(deliveries); !errors.Is(err, errEnded) {
		t.Errorf("take returned %v", err)
	}
	h := newHearing()
	if err := New(Config{}, h).receive(t.Context(), &b); err != nil {
		t.Errorf("receive returned %v", err)
	}
	const fit = maxBytes >> 20
	if n := len(h.rejections); n != fit || h.drops != prefetch-fit || !b.bytes.TryAcquire(maxBytes) {
		t.Errorf("%d decoded, %d dropped", n, h.drops)
	}
	if diff := cmp.Diff(acknowledged{prefetch / 2, prefetch}, acks); diff != "" {
		t.Errorf("acknowledged (-want +got):\n%s", diff)
	}
}

// What comes in between, of another service, is not heard.
func TestServices(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		_, h := listen(t, b, "source.one", "source-two")
		ch, all := connect(t, b), []report.Agent{newAgent(), newAgent(), newAgent()}
		for i, service := range []string{"source.one", "source-other", "source-two"} {
			all[i].Name += service
			publish(t, ch, wire.Exchange, wire.ReportKey(service), heartbeat(t, all[i]))
		}
		for _, want := range []report.Agent{all[0], all[2]} {
			if e := await(t, h.events, anything); !from(want)(e) {
				t.Errorf("heard %+v, want %v", e, want)
			}
		}
	})
}

func TestReportsArrive(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		_, h := listen(t, b)
		ch, a := connect(t, b), newAgent()
		publish(t, ch, wire.Exchange, wire.ReportKey("test"), []byte("no batch"))
		publish(t, ch, wire.Exchange, wire.ReportKey("test"), heartbeat(t, a))
		await(t, h.events, from(a))
		await(t, h.rejections, func(err error) bool { return errors.Is(err, wire.ErrMalformed) })
	})
}

// TestMoreThanThePrefetch would stop if reports were not acknowledged.
func TestMoreThanThePrefetch(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		_, h := listen(t, b)
		ch, a := connect(t, b), newAgent()
		body := heartbeat(t, a)
		for range 3 * prefetch {
			publish(t, ch, wire.Exchange, wire.ReportKey("test"), body)
		}
		for range 3 * prefetch {
			await(t, h.events, from(a))
		}
	})
}

func TestQuestionsAreAnswered(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s, h := listen(t, b)
		ch, a := connect(t, b), newAgent()
		queue := wire.QuestionQueue(a)
		if _, err := ch.QueueDeclare(queue, false, true, true, false, nil); err != nil {
			t.Fatal(err)
		}
		questions, err := ch.Consume(queue, "", true, true, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		asked := report.Question{Round: 5, Processes: []report.Key{{Agent: a, Process: "p", Activation: 1}}}
		if !s.Ask(detector.Ask{Agent: a, Question: asked}) {
			t.Fatal("not asked")
		}
		d := <-questions
		got, err := wire.DecodeQuestion(d.Body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&asked, got); diff != "" {
			t.Errorf("-asked +got:\n%s", diff)
		}
		publish(t, ch, "", d.ReplyTo, heartbeat(t, a))
		await(t, h.events, from(a))
	})
}

func TestAgentsThatAreGoneAreUnreachable(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s, h := listen(t, b)
		a := newAgent()
		want := detector.Unreachable{Agent: a, Round: 1<<63 + 5}
		s.Ask(detector.Ask{Agent: a, Question: report.Question{Round: want.Round}})
		await(t, h.events, func(e detector.Event) bool { return e == detector.Event(want) })

		endless := report.Question{Round: want.Round, Replies: make([]report.Resource, wire.MaxQuestion)}
		s.Ask(detector.Ask{Agent: a, Question: endless})
		await(t, h.events, func(e detector.Event) bool { return e == detector.Event(want) })
	})
}

func TestQueuesAreCounted(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		s, h := listen(t, b)
		ch := connect(t, b)
		q, err := ch.QueueDeclare("", false, true, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = ch.QueueDelete(q.Name, false, false, false) })
		if err := ch.Qos(1, 0, false); err != nil {
			t.Fatal(err)
		}
		taken, err := ch.Consume(q.Name, "", false, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		confirmed(t, ch, q.Name, 3)
		<-taken
		counted := func(queue string) detector.QueueCounted {
			s.CountQueue(detector.CountQueue{Round: 3, Queue: queue})
			e := await(t, h.events, func(e detector.Event) bool { c, ok := e.(detector.QueueCounted); return ok && c.Queue == queue })
			return e.(detector.QueueCounted)
		}
		if c := counted("no such queue"); c.Err == "" || c.Round != 3 {
			t.Errorf("a queue that is not there: %+v", c)
		}
		if c, want := counted(q.Name), (detector.QueueCounted{Round: 3, Queue: q.Name, Consumers: 1, Ready: 2}); c != want {
			t.Errorf("got %+v, want %+v", c, want)
		}
	})
}

// TestFarBroker lets every message take 50 ms to the broker and from it, as where
// the machine gives each of the two its turn that late: a detector that takes what
// comes in small portions is soon seconds behind.
func TestFarBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const away = 50 * time.Millisecond
		near := minibroker.New()
		t.Cleanup(func() { near.Close() })
		b := brokertest.Broker{URL: "amqp://guest:guest@embedded/", Dial: near.Dial}
		ch, a := connect(t, b), newAgent()
		b.Dial = func(network, addr string) (net.Conn, error) {
			c, err := near.Dial(network, addr)
			return farOff(c, away), err
		}
		s, h := listen(t, b)

		began, body := time.Now(), heartbeat(t, a)
		for range 2000 {
			publish(t, ch, wire.Exchange, wire.ReportKey("test"), body)
		}
		for range 2000 {
			await(t, h.events, from(a))
		}
		if took := time.Since(began); took > 5*away {
			t.Errorf("2000 reports take %v", took)
		}

		began = time.Now()
		for range 100 {
			s.CountQueue(detector.CountQueue{Queue: "no such queue"})
		}
		for range 100 {
			await(t, h.events, anything)
		}
		if took := time.Since(began); took > 100*away {
			t.Errorf("100 counts take %v", took)
		}
	})
}

func TestLostConnectionsAreRebuilt(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		network := brokertest.NewNetwork(b.Dial)
		b.Dial = network.Dial
		_, h := listen(t, b)
		network.Drop()
		if err := await(t, h.losses, anything); err == nil {
			t.Error("lost for no reason")
		}
		await(t, h.connects, anything)
		a := newAgent()
		publish(t, connect(t, b), wire.Exchange, wire.ReportKey("test"), heartbeat(t, a))
		await(t, h.events, from(a))
	})
}

// TestThrottledPublishingHoldsNothingUp stops a source while the broker reads
// nothing of what is published.
func TestThrottledPublishingHoldsNothingUp(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		if b.Embedded == nil {
			t.Skip("RabbitMQ is not ours to break")
		}
		s, h := listen(t, b)
		b.Embedded.Block()
		a := newAgent()
		for range 10 {
			s.Ask(detector.Ask{Agent: a, Question: report.Question{Replies: []report.Resource{report.Resource(bytes.Repeat([]byte("r"), 1<<19))}}})
		}
		time.Sleep(time.Second)
		s.CountQueue(detector.CountQueue{Queue: "q"})
		await(t, h.events, func(e detector.Event) bool { _, ok := e.(detector.QueueCounted); return ok })
	})
}

func TestUnusableURL(t *testing.T) {
	if err := New(Config{URL: "http://x"}, newHearing()).Run(t.Context()); !errors.Is(err, amqpsession.ErrURL) {
		t.Errorf("got %v", err)
	}
}
