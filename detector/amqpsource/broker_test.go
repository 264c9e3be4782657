package amqpsource

import (
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/minibroker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker says how to reach one.
type broker struct {
	url      string
	dial     func(network, addr string) (net.Conn, error)
	embedded *minibroker.Broker // nil: RabbitMQ
}

// onEachBroker runs a test on the embedded broker, in a bubble, and on RabbitMQ.
func onEachBroker(t *testing.T, test func(t *testing.T, b broker)) {
	t.Run("embedded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := minibroker.New()
			t.Cleanup(func() { b.Close() })
			test(t, broker{"amqp://guest:guest@embedded/", b.Dial, b})
		})
	})
	t.Run("rabbitmq", func(t *testing.T) {
		url := os.Getenv("AMQP_URL")
		if url == "" {
			t.Skip("AMQP_URL is not set")
		}
		test(t, broker{url: url})
	})
}

// connect opens a channel that closes with the test.
func (b broker) connect(t *testing.T) *amqp.Channel {
	t.Helper()
	c, err := amqp.DialConfig(b.url, amqp.Config{Dial: b.dial})
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
	data, err := wire.EncodeBatch(time.Now(), &report.Batch{Agent: a, Service: "test", Heartbeat: new(report.Heartbeat)})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func publish(t *testing.T, ch *amqp.Channel, exchange, key string, body []byte) {
	t.Helper()
	if err := ch.PublishWithContext(t.Context(), exchange, key, false, false, amqp.Publishing{Body: body}); err != nil {
		t.Fatal(err)
	}
}
