package endtoend_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
)

// Calls that nobody contends for cause no report: of all that the agents
// publish, nothing but heartbeats reaches the broker, and no heartbeat tells of
// a wait.
func TestUncontendedCallsAreNotReported(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("quiet")
		n.serve("0", 16, does(func(ctx context.Context) error { return n.call(ctx, "1", "") }))
		n.serve("1", 16, does(func(context.Context) error { return nil }))
		s.acquaint()
		beats, states := n.overhear()
		client := n.as("client")
		slow := int64(0) // calls that are long enough to be reported, on a machine that is busy
		for range 500 {
			began := time.Now()
			if err := n.call(client, "0", ""); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) >= reportAfter {
				slow++
			}
		}
		s.silence(2 * heartbeat)
		if beats.Load() == 0 || (slow == 0 && states.Load() > 0) || (s.virtual && slow > 0) {
			t.Errorf("%d heartbeats, %d states for 1000 calls, %d of them slow", beats.Load(), states.Load(), slow)
		}
	})
}

// reportAfter is how long a wait must last to be reported without contention.
const reportAfter = 50 * time.Millisecond

// overhear counts at the broker what the node's agent reports.
func (n *node) overhear() (beats, states *atomic.Int64) {
	n.Helper()
	beats, states = new(atomic.Int64), new(atomic.Int64)
	conn, err := amqp.DialConfig(n.url, amqp.Config{Dial: n.dial})
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { conn.Close() })
	deliveries, err := overhear(conn)
	if err != nil {
		n.Fatal(err)
	}
	n.running.Go(func() {
		for d := range deliveries {
			b, err := wire.DecodeBatch(d.Body)
			if err != nil || b.Agent != n.agent.ID() {
				continue
			}
			states.Add(int64(len(b.States)))
			if b.Heartbeat != nil && b.Heartbeat.Digest == (report.Digest{}) {
				beats.Add(1)
			}
		}
	})
	return beats, states
}

func overhear(conn *amqp.Connection) (<-chan amqp.Delivery, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	const durable, autoDelete, exclusive, noLocal, noWait, autoAck = false, true, true, false, false, true
	q, err := ch.QueueDeclare("", durable, autoDelete, exclusive, noWait, nil)
	if err != nil {
		return nil, err
	}
	if err := ch.QueueBind(q.Name, wire.ReportBinding, wire.Exchange, noWait, nil); err != nil {
		return nil, err
	}
	return ch.Consume(q.Name, "", autoAck, exclusive, noLocal, noWait, nil)
}
