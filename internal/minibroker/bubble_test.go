package minibroker_test

import (
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An hour of a message's life passes in a bubble without taking any time, which
// needs every goroutine of broker and client to block durably meanwhile.
func TestAnHourPassesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := minibroker.New()
		defer b.Close()
		conn, err := amqp.DialConfig("amqp://guest:guest@embedded/", amqp.Config{Dial: b.Dial})
		if err != nil {
			t.Fatal(err)
		}
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		hour := amqp.Table{"x-message-ttl": int64(time.Hour / time.Millisecond)}
		if _, err := ch.QueueDeclare("q", false, false, false, false, hour); err != nil {
			t.Fatal(err)
		}
		ready := func() int {
			t.Helper()
			q, err := ch.QueueDeclarePassive("q", false, false, false, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			return q.Messages
		}
		if err := ch.Publish("", "q", false, false, amqp.Publishing{Body: []byte("mayfly")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		if n := ready(); n != 1 {
			t.Errorf("%d messages before the hour, want 1", n)
		}
		time.Sleep(time.Second)
		if n := ready(); n != 0 {
			t.Errorf("%d messages after the hour, want 0", n)
		}
	})
}
