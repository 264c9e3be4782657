package minibroker

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// checkInvariants checks what must hold between any two frames.
func (b *Broker) checkInvariants() error {
	v := b.vhost
	unacked, consumers, exclusive, addresses := map[*consumer]int{}, 0, 0, 0
	for c := range b.conns {
		exclusive += len(c.exclusive)
		for _, ch := range c.channels {
			if ch.closing && len(ch.consumers)+len(ch.unacked) > 0 {
				return fmt.Errorf("closed channel %d holds something", ch.id)
			}
			if !slices.IsSortedFunc(ch.unacked, func(a, b *delivery) int { return cmp.Compare(a.tag, b.tag) }) {
				return fmt.Errorf("channel %d: unacknowledged out of order", ch.id)
			}
			for _, d := range ch.unacked {
				unacked[d.consumer]++
			}
			for _, cs := range ch.consumers {
				if cs.queue == nil {
					addresses++
				} else {
					consumers++
				}
				if cs.unacked != unacked[cs] {
					return fmt.Errorf("consumer %s counts %d of %d unacknowledged", cs.tag, cs.unacked, unacked[cs])
				}
			}
		}
	}
	if addresses != len(v.replyTo) {
		return fmt.Errorf("%d reply addresses of %d consumers", len(v.replyTo), addresses)
	}
	for _, q := range v.queues {
		if q.owner != nil {
			exclusive--
		}
		consumers -= len(q.consumers)
		if err := q.checkInvariants(); err != nil {
			return fmt.Errorf("queue %s: %w", q.name, err)
		}
	}
	if consumers != 0 || exclusive != 0 {
		return fmt.Errorf("%d consumers and %d exclusive queues too many or few", consumers, exclusive)
	}
	return nil
}

func (q *queue) checkInvariants() error {
	bytes := 0
	for _, e := range q.ready {
		bytes += len(e.body)
	}
	switch {
	case bytes != q.bytes:
		return fmt.Errorf("%d bytes are counted as %d", bytes, q.bytes)
	case q.maxBytes >= 0 && !q.rejects && bytes > q.maxBytes:
		return fmt.Errorf("%d bytes of %d", bytes, q.maxBytes)
	case q.deleted:
		return fmt.Errorf("deleted but listed")
	case q.maxLength >= 0 && !q.rejects && len(q.ready) > q.maxLength:
		return fmt.Errorf("%d messages of %d", len(q.ready), q.maxLength)
	case !slices.IsSortedFunc(q.ready, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) }):
		return fmt.Errorf("messages out of order")
	case q.count() > 0 && q.next() != nil:
		return fmt.Errorf("a consumer could take a message")
	}
	return nil
}

// TestStorm has clients do everything at once while connections fail, and wants
// nothing left of them.
func TestStorm(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := New()
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 0))
			for range 10 {
				trouble(random, "amqp://guest:guest@"+l.Addr().String()+"/")
				if random.IntN(4) == 0 {
					b.DropConnections()
				}
				b.acquire()
				err := b.checkInvariants()
				b.release()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	clients.Wait()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	v := b.vhost
	if x := v.exchanges["x"]; x != nil && len(x.bindings) == 0 {
		delete(v.exchanges, "x") // never bound: it goes with its last binding, and had none
	}
	if len(b.conns)+len(v.queues)+len(v.replyTo)+len(v.leased) > 0 || len(v.exchanges) != 4 {
		t.Errorf("left: %d connections, queues %v, exchanges %v", len(b.conns), v.queues, v.exchanges)
	}
}

// trouble is a client that uses shared and private queues until something fails.
func trouble(random *rand.Rand, url string) {
	conn, err := amqp.Dial(url)
	if err != nil {
		return
	}
	if random.IntN(2) == 0 {
		defer conn.Close()
	}
	ch, err := conn.Channel()
	if err != nil {
		return
	}
	const autoDelete = true
	shared, _ := ch.QueueDeclare("shared", false, autoDelete, false, false, amqp.Table{"x-max-length": 10, "x-max-length-bytes": 50_000})
	private, _ := ch.QueueDeclare("", false, false, true, false, nil)
	_ = ch.ExchangeDeclare("x", "topic", false, autoDelete, false, false, nil)
	_ = ch.QueueBind(shared.Name, "#", "x", false, nil)
	_ = ch.QueueBind(private.Name, "a.*", "x", false, nil)
	_ = ch.Qos(3, 0, false)
	deliveries, err := ch.Consume("shared", "", false, false, false, false, nil)
	if err != nil {
		return
	}
	for range 50 {
		_ = ch.Publish("x", "a.b", true, false, amqp.Publishing{Expiration: "1", Body: make([]byte, random.IntN(9000))})
		select {
		case d := <-deliveries:
			_ = d.Nack(random.IntN(2) == 0, random.IntN(2) == 0)
		default:
		}
	}
}
