package amqpsource

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
)

// hearing is a Sink that keeps what it is told. On RabbitMQ other tests report
// as well, so events are picked by what they are about.
type hearing struct {
	events     chan detector.Event
	rejections chan error
	connects   chan struct{}
	losses     chan error
}

func newHearing() *hearing {
	return &hearing{make(chan detector.Event, 1000), make(chan error, 1000), make(chan struct{}, 100), make(chan error, 100)}
}

func (h *hearing) Deliver(e detector.Event) { offer(h.events, e) }
func (h *hearing) Reject(err error)         { offer(h.rejections, err) }
func (h *hearing) Skip(uint64)              {}
func (h *hearing) Connect()                 { offer(h.connects, struct{}{}) }
func (h *hearing) Disconnect(err error)     { offer(h.losses, err) }

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

// listen runs a source until the test ends.
func listen(t *testing.T, b broker) (*Source, *hearing) {
	t.Helper()
	h := newHearing()
	s := New(Config{URL: b.url, Name: "amqpsource-test", Dial: b.dial}, h)
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

func TestReportsArrive(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b broker) {
		_, h := listen(t, b)
		ch, a := b.connect(t), newAgent()
		publish(t, ch, wire.Exchange, wire.ReportKey("test"), []byte("no batch"))
		publish(t, ch, wire.Exchange, wire.ReportKey("test"), heartbeat(t, a))
		await(t, h.events, from(a))
		await(t, h.rejections, func(err error) bool { return errors.Is(err, wire.ErrMalformed) })
	})
}

// TestMoreThanThePrefetch would stop if reports were not acknowledged.
func TestMoreThanThePrefetch(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b broker) {
		_, h := listen(t, b)
		ch, a := b.connect(t), newAgent()
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
	onEachBroker(t, func(t *testing.T, b broker) {
		s, h := listen(t, b)
		ch, a := b.connect(t), newAgent()
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
	onEachBroker(t, func(t *testing.T, b broker) {
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
	onEachBroker(t, func(t *testing.T, b broker) {
		s, h := listen(t, b)
		ch := b.connect(t)
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
		for range 3 {
			publish(t, ch, "", q.Name, []byte("work"))
		}
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

func TestLostConnectionsAreRebuilt(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b broker) {
		if b.embedded == nil {
			t.Skip("RabbitMQ is not ours to break")
		}
		_, h := listen(t, b)
		b.embedded.DropConnections()
		if err := await(t, h.losses, anything); err == nil {
			t.Error("lost for no reason")
		}
		await(t, h.connects, anything)
		a := newAgent()
		publish(t, b.connect(t), wire.Exchange, wire.ReportKey("test"), heartbeat(t, a))
		await(t, h.events, from(a))
	})
}

// TestThrottledPublishingHoldsNothingUp stops a source while the broker reads
// nothing of what is published.
func TestThrottledPublishingHoldsNothingUp(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b broker) {
		if b.embedded == nil {
			t.Skip("RabbitMQ is not ours to break")
		}
		s, h := listen(t, b)
		b.embedded.Block()
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
