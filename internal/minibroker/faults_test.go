package minibroker_test

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

func inBubble(t *testing.T, test func(r *rig, b *minibroker.Broker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := minibroker.New()
		t.Cleanup(func() { b.Close() })
		test(&rig{T: t, url: "amqp://guest:guest@embedded/", config: amqp.Config{Dial: b.Dial}}, b)
	})
}

func TestDroppedConnectionsLoseTheirQueuesButNotTheirMessages(t *testing.T) {
	inBubble(t, func(r *rig, b *minibroker.Broker) {
		conn := r.connect()
		closed := conn.NotifyClose(make(chan *amqp.Error, 1))
		ch := r.channelOf(conn)
		mine := r.declare(ch, "mine", private())
		q := r.declare(ch, "shared", queue{durable: true})
		r.publish(q, "1")
		r.bodies(r.consume(ch, q, 0), 1)

		b.DropConnections()
		r.equal("said by the broker", receive(r, closed).Server, false)
		synctest.Wait()
		r.equal("shared queue", r.drain(q), "1*")
		r.equal("exclusive queue exists", r.exists(mine), false)
	})
}

func TestBlockedPublishersWaitAndOthersDoNot(t *testing.T) {
	inBubble(t, func(r *rig, b *minibroker.Broker) {
		publisher, consumer := r.connect(), r.connect()
		blockings := publisher.NotifyBlocked(make(chan amqp.Blocking, 2))
		q, err := private().declare(r.channelOf(consumer), "")
		r.must(err)
		ds := r.consume(r.channelOf(consumer), q.Name, 0)
		ch := r.channelOf(publisher)
		r.must(ch.Confirm(false))

		b.Block()
		var confirms []*amqp.DeferredConfirmation
		body := make([]byte, 100_000)
		for range 5 {
			c, err := ch.PublishWithDeferredConfirm("", q.Name, false, false, amqp.Publishing{Body: body})
			r.must(err)
			confirms = append(confirms, c)
		}
		time.Sleep(time.Hour)
		r.equal("blocked", receive(r, blockings), amqp.Blocking{Active: true, Reason: "low on memory"})
		r.equal("confirmed", confirms[0].Acked(), false)
		r.equal("consumers' connection works", r.channelOf(consumer).Close(), nil)

		b.Unblock()
		r.equal("unblocked", receive(r, blockings).Active, false)
		for _, c := range confirms {
			r.equal("confirmed", c.Wait(), true)
			r.equal("bytes", len(receive(r, ds).Body), len(body))
		}
	})
}

func TestBlockedPublisherStallsWhenItHasSentMuch(t *testing.T) {
	inBubble(t, func(r *rig, b *minibroker.Broker) {
		q := r.declare(r.channel(), "q", queue{durable: true})
		ch := r.channelOf(r.connect())
		b.Block()
		const n = 64
		done := make(chan error, n)
		go func() {
			for range n {
				done <- ch.Publish("", q, false, false, amqp.Publishing{Body: make([]byte, 64<<10)})
			}
		}()
		synctest.Wait()
		if len(done) < 10 || len(done) > 20 {
			r.Errorf("%d publishes went through, want about a megabyte of them", len(done))
		}
		b.Unblock()
		for range n {
			r.must(receive(r, done))
		}
		r.eventually("all arrived", func() bool { return r.counts(q)[0] == n })
	})
}

func TestCloseTellsClientsAndRefusesNewOnes(t *testing.T) {
	inBubble(t, func(r *rig, b *minibroker.Broker) {
		conn := r.connect()
		closed := conn.NotifyClose(make(chan *amqp.Error, 1))
		begin := time.Now()
		for range 2 {
			r.must(b.Close())
		}
		r.equal("waited", time.Since(begin), time.Duration(0))
		r.equal("code", receive(r, closed).Code, amqp.ConnectionForced)
		if _, err := amqp.DialConfig(r.url, r.config); err == nil {
			r.Error("connected to a closed broker")
		}
	})
}

func TestCloseDoesNotWaitForSilentClients(t *testing.T) {
	inBubble(t, func(r *rig, b *minibroker.Broker) {
		nc := b.Pipe()
		begin := time.Now()
		r.must(b.Close())
		r.equal("waited", time.Since(begin), time.Second)
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			r.Error("still connected")
		}
	})
}

func TestServeEndsWithTheBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b, served := minibroker.New(), make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	conn, err := amqp.Dial("amqp://guest:guest@" + l.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := <-closed; err == nil || err.Code != amqp.ConnectionForced {
		t.Errorf("client was told %v", err)
	}
	late, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(late); err != nil {
		t.Error(err)
	}
	if _, err := late.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listener of a closed broker: %v", err)
	}
}
