// Package brokertest gives tests their broker: the embedded one inside a synctest
// bubble, where a timeout of 5 s takes no time, and the RabbitMQ of AMQP_URL in
// real time.
package brokertest

import (
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// Broker says how to reach one.
type Broker struct {
	URL  string
	Dial func(network, addr string) (net.Conn, error) // nil: TCP
	// Embedded is the broker itself, for tests of what goes wrong; nil: it is RabbitMQ.
	Embedded *minibroker.Broker
}

// OnEach runs the test on either broker. On RabbitMQ it is alone with others
// that use any of these shared queues, which it finds and leaves deleted.
func OnEach(t *testing.T, test func(t *testing.T, b Broker), queues ...string) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { onEmbedded(t, test) }) })
	t.Run("rabbitmq", func(t *testing.T) { onRabbitMQ(t, test, queues) })
}

// InRealTime runs the test on the RabbitMQ of AMQP_URL, as OnEach does, else on
// the embedded broker: for tests with programs that no bubble can hold.
func InRealTime(t *testing.T, test func(t *testing.T, b Broker), queues ...string) {
	t.Helper()
	if os.Getenv("AMQP_URL") == "" {
		onEmbedded(t, test)
		return
	}
	onRabbitMQ(t, test, queues)
}

func onEmbedded(t *testing.T, test func(*testing.T, Broker)) {
	b := minibroker.New()
	t.Cleanup(func() { _ = b.Close() })
	test(t, Broker{URL: "amqp://guest:guest@embedded/", Dial: b.Dial, Embedded: b})
}

func onRabbitMQ(t *testing.T, test func(*testing.T, Broker), queues []string) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		t.Skip("AMQP_URL is not set")
	}
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatalf("reach RabbitMQ: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	for _, queue := range queues {
		alone(t, conn, queue)
	}
	sweep(t, conn, queues)
	t.Cleanup(func() { sweep(t, conn, queues) })
	test(t, Broker{URL: url})
}

// alone waits until no other test uses the queue, and keeps the others waiting
// until conn closes.
func alone(t *testing.T, conn *amqp.Connection, queue string) {
	t.Helper()
	const limit = 5 * time.Minute
	for began := time.Now(); time.Since(began) < limit; time.Sleep(100 * time.Millisecond) {
		ch, err := conn.Channel()
		if err != nil {
			t.Fatalf("open channel: %v", err)
		}
		if _, err := ch.QueueDeclare("brokertest."+queue, false, false, true, false, nil); err == nil {
			return
		}
	}
	t.Fatalf("another test has used %s for %v", queue, limit)
}

// sweep deletes the queues, with whatever a test has left in them.
func sweep(t *testing.T, conn *amqp.Connection, queues []string) {
	t.Helper()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatalf("open channel: %v", err)
	}
	defer ch.Close()
	for _, queue := range queues {
		if _, err := ch.QueueDelete(queue, false, false, false); err != nil {
			t.Fatalf("delete %s: %v", queue, err)
		}
	}
}
