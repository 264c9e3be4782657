package amqpexport_test

import (
	"context"
	"slices"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an agent with an exporter on one broker, and a detector's queue.
type world struct {
	*testing.T
	brokertest.Broker
	network *brokertest.Network // of the exporter
	agent   *tracing.Agent
	ch      *amqp.Channel
	queue   string
	inbox   <-chan amqp.Delivery
}

// everywhere runs a test on the embedded broker, in a bubble, and on RabbitMQ.
func everywhere(t *testing.T, test func(w *world)) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		w := &world{T: t, Broker: b, network: brokertest.NewNetwork(b.Dial)}
		w.listen()
		test(w)
	})
}

// embedded runs a test on the embedded broker alone, which can be blocked.
func embedded(t *testing.T, test func(w *world)) {
	t.Helper()
	everywhere(t, func(w *world) {
		if w.Embedded == nil {
			w.Skip("RabbitMQ is not ours to block")
		}
		test(w)
	})
}

// listen gives the test an agent, and a queue like a detector's.
func (w *world) listen() {
	w.Helper()
	agent, err := tracing.New(tracing.Config{Service: "export.test"})
	w.must(err)
	w.agent = agent
	w.Cleanup(agent.Close)
	conn, err := amqp.DialConfig(w.URL, amqp.Config{Dial: w.Dial})
	w.must(err)
	w.Cleanup(func() { _ = conn.Close() })
	w.ch, err = conn.Channel()
	w.must(err)
	w.must(w.ch.ExchangeDeclare(wire.Exchange, amqp.ExchangeTopic, true, false, false, false, nil))
	q, err := w.ch.QueueDeclare("", false, false, true, false, nil)
	w.must(err)
	w.queue = q.Name
	w.must(w.ch.QueueBind(q.Name, wire.ReportBinding, wire.Exchange, false, nil))
	w.inbox, err = w.ch.Consume(q.Name, "", true, true, false, false, nil)
	w.must(err)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) start() (stop func()) {
	w.Helper()
	stop, err := amqpexport.Start(w.Context(), w.agent, amqpexport.Config{URL: w.URL, Dial: w.network.Dial, Heartbeat: 100 * time.Millisecond})
	w.must(err)
	return stop
}

// export starts the exporter and waits for its first word.
func (w *world) export() (stop func()) {
	w.Helper()
	stop = w.start()
	if b := w.next(anything); !complete(b) {
		w.Fatalf("the first word is %+v", b)
	}
	return stop
}

func anything(*report.Batch) bool { return true }

func beating(b *report.Batch) bool { return b.Heartbeat != nil }

func complete(b *report.Batch) bool { return beating(b) && b.Heartbeat.Complete }

func about(process string) func(*report.Batch) bool {
	return func(b *report.Batch) bool {
		return slices.ContainsFunc(b.States, func(s report.State) bool { return s.Key.Process == process })
	}
}

// next returns the next batch of the agent that is wanted.
func (w *world) next(wanted func(*report.Batch) bool) *report.Batch {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	for {
		select {
		case d, ok := <-w.inbox:
			if !ok {
				w.Fatal("the detector's queue is gone")
			}
			b, err := wire.DecodeBatch(d.Body)
			w.must(err)
			if b.Agent == w.agent.ID() && wanted(b) {
				return b
			}
		case <-ctx.Done():
			w.Fatal("the batch does not come")
		}
	}
}

// ask sends the agent a question as a detector does.
func (w *world) ask(body []byte) {
	w.Helper()
	w.must(w.ch.PublishWithContext(w.Context(), "", wire.QuestionQueue(w.agent.ID()), true, false, amqp.Publishing{
		ContentType: wire.ContentTypeQuestion, ReplyTo: w.queue, Expiration: "1000", Body: body,
	}))
}

func (w *world) question(q *report.Question) []byte {
	w.Helper()
	body, err := wire.EncodeQuestion(q)
	w.must(err)
	return body
}

// block lets a process of that name wait for a lock, which is reported at once.
func (w *world) block(name string) *tracing.Blocking {
	ctx := tracing.WithProcess(w.Context(), w.agent.Process(name))
	return w.agent.Block(ctx, tracing.All, tracing.Wait{Kind: report.Lock, Resource: "lock/" + name})
}
