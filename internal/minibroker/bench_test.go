package minibroker_test

import (
	"net"
	"os"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// BenchmarkRPC measures a request and its reply between two connections of the
// real client over loopback TCP: four times through a socket.
func BenchmarkRPC(b *testing.B) {
	b.Run("minibroker", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		broker := minibroker.New()
		defer broker.Close()
		go func() { _ = broker.Serve(l) }()
		benchmarkRPC(b, "amqp://guest:guest@"+l.Addr().String()+"/")
	})
	b.Run("rabbitmq", func(b *testing.B) {
		url := os.Getenv("AMQP_URL")
		if url == "" {
			b.Skip("AMQP_URL is not set")
		}
		benchmarkRPC(b, url)
	})
}

func benchmarkRPC(b *testing.B, url string) {
	server, requests, requestQueue := consumer(b, url)
	client, replies, replyQueue := consumer(b, url)
	go func() {
		for r := range requests {
			_ = server.Publish("", r.ReplyTo, false, false, amqp.Publishing{CorrelationId: r.CorrelationId, Body: r.Body})
		}
	}()
	request := amqp.Publishing{ReplyTo: replyQueue, CorrelationId: "1", Body: []byte("request")}
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Publish("", requestQueue, false, false, request); err != nil {
			b.Fatal(err)
		}
		<-replies
	}
}

// consumer opens a connection that consumes from a queue of its own.
func consumer(b *testing.B, url string) (*amqp.Channel, <-chan amqp.Delivery, string) {
	b.Helper()
	fatal := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	conn, err := amqp.Dial(url)
	fatal(err)
	b.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	fatal(err)
	q, err := ch.QueueDeclare("", false, false, true, false, nil)
	fatal(err)
	ds, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	fatal(err)
	return ch, ds, q.Name
}
