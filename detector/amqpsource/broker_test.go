package amqpsource

import (
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/brokertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect opens a channel that closes with the test.
func connect(t *testing.T, b brokertest.Broker) *amqp.Channel {
	t.Helper()
	c, err := amqp.DialConfig(b.URL, amqp.Config{Dial: b.Dial})
	if err != nil {
		t.Fatalf("reach the broker: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	ch, err := c.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// newAgent returns the name of an agent that no other test uses.
func newAgent() report.Agent {
	return report.Agent{Name: "amqpsource-test", Incarnation: uint64(time.Now().UnixNano())}
}

// heartbeat returns a batch, encoded.
func heartbeat(t *testing.T, a report.Agent) []byte {
	t.Helper()
	data, err := wire.EncodeBatch(time.Now(), &report.Batch{Agent: a, Service: "test", Heartbeat: &report.Heartbeat{Seq: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// confirmed publishes n messages to a queue and waits until they are there.
func confirmed(t *testing.T, ch *amqp.Channel, queue string, n int) {
	t.Helper()
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	for range n {
		c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", queue, false, false, amqp.Publishing{Body: []byte("work")})
		if err != nil {
			t.Fatal(err)
		}
		if !c.Wait() {
			t.Fatal("the broker has not taken a message")
		}
	}
}

func publish(t *testing.T, ch *amqp.Channel, exchange, key string, body []byte) {
	t.Helper()
	if err := ch.PublishWithContext(t.Context(), exchange, key, false, false, amqp.Publishing{Body: body}); err != nil {
		t.Fatal(err)
	}
}
