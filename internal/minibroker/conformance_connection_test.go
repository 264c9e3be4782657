package minibroker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var connectionBehaviours = []behaviour{
	{"a wrong password is refused", func(r *rig) {
		_, err := amqp.DialConfig(strings.Replace(r.url, "guest:guest", "guest:wrong", 1), r.config)
		if !errors.Is(err, amqp.ErrCredentials) {
			r.Errorf("got %v", err)
		}
	}},
	{"an unknown virtual host is refused", func(r *rig) {
		config := r.config
		config.Vhost = "elsewhere"
		_, err := amqp.DialConfig(r.url, config)
		if err == nil || !strings.Contains(err.Error(), "NOT_ALLOWED - vhost elsewhere not found") {
			r.Errorf("got %v", err)
		}
	}},
	{"a connection has as many channels as agreed on, and their numbers come back", func(r *rig) {
		config := r.config
		config.ChannelMax = 2
		conn, err := amqp.DialConfig(r.url, config)
		r.must(err)
		defer conn.Close()
		for range 3 {
			a, b := r.channelOf(conn), r.channelOf(conn)
			r.must(a.Close())
			r.refusedOn(b, 404, "NOT_FOUND", func(ch *amqp.Channel) error {
				return ch.ExchangeDeclarePassive(r.name("absent"), "direct", false, false, false, false, nil)
			})
		}
	}},
	{"the broker says what it can do", func(r *rig) {
		caps := r.connect().Properties["capabilities"].(amqp.Table)
		for _, name := range []string{"publisher_confirms", "basic.nack", "consumer_cancel_notify", "connection.blocked", "authentication_failure_close", "per_consumer_qos", "direct_reply_to"} {
			r.equal(name, caps[name], true)
		}
	}},
	{"messages on several channels of a connection interleave", func(r *rig) {
		var queues []string
		conn := r.connect()
		for i := range 8 {
			q, err := private().declare(r.channelOf(conn), r.name(fmt.Sprint("q", i)))
			r.must(err)
			queues = append(queues, q.Name)
		}
		done := make(chan string)
		for _, q := range queues {
			ch := r.channelOf(conn)
			go func() {
				for range 20 {
					_ = ch.Publish("", q, false, false, amqp.Publishing{Body: make([]byte, 5000)})
				}
				done <- q
			}()
		}
		var published []string
		for range queues {
			published = append(published, receive(r, done))
		}
		slices.Sort(published)
		for _, q := range published {
			r.bodies(r.consume(r.channelOf(conn), q, 0), 20)
		}
	}},
}
