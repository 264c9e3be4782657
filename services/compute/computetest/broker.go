// Package computetest gives tests of the example system their broker: the
// embedded one inside a synctest bubble, where a timeout of 5 s takes no time,
// and the RabbitMQ of AMQP_URL in real time.
package computetest

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
	// Drop cuts all connections, as a failing network does; nil: it cannot.
	Drop func()
}

// OnEach runs the test on either broker.
func OnEach(t *testing.T, test func(t *testing.T, b Broker)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { onEmbedded(t, test) }) })
	t.Run("rabbitmq", func(t *testing.T) { onRabbitMQ(t, test) })
}

func onEmbedded(t *testing.T, test func(*testing.T, Broker)) {
	b := minibroker.New()
	t.Cleanup(func() { _ = b.Close() })
	test(t, Broker{URL: "amqp://guest:guest@embedded/", Dial: b.Dial, Drop: b.DropConnections})
}

func onRabbitMQ(t *testing.T, test func(*testing.T, Broker)) {
	url := os.Getenv("AMQP_URL")
	if url == "" {
		t.Skip("AMQP_URL is not set")
	}
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatalf("reach RabbitMQ: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	alone(t, conn)
	sweep(t, conn)
	t.Cleanup(func() { sweep(t, conn) })
	test(t, Broker{URL: url})
}

// alone waits until no other test uses the names of the example system, and
// keeps the others waiting until conn closes.
func alone(t *testing.T, conn *amqp.Connection) {
	t.Helper()
	const lock, limit = "waitgraph.computetest", 5 * time.Minute
	for began := time.Now(); time.Since(began) < limit; time.Sleep(100 * time.Millisecond) {
		ch, err := conn.Channel()
		if err != nil {
			t.Fatalf("open channel: %v", err)
		}
		if _, err := ch.QueueDeclare(lock, false, false, true, false, nil); err == nil {
			return
		}
	}
	t.Fatalf("another test has used the names of the example for %v", limit)
}

// sweep deletes the shared queues, with whatever a test has left in them.
func sweep(t *testing.T, conn *amqp.Connection) {
	t.Helper()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatalf("open channel: %v", err)
	}
	defer ch.Close()
	for _, queue := range []string{"service_a.compute", "service_b.compute"} {
		if _, err := ch.QueueDelete(queue, false, false, false); err != nil {
			t.Fatalf("delete %s: %v", queue, err)
		}
	}
}
