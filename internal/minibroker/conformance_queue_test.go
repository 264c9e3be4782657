package minibroker_test

import (
	"math"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var queueBehaviours = []behaviour{
	{"declaring twice gives the same queue, with its counts", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private("x-max-length", 5))
		r.publish(q, "1", "2")
		again, err := private("x-max-length", int64(5)).declare(ch, q)
		r.must(err)
		r.equal("queue", again, amqp.Queue{Name: q, Messages: 2})
	}},
	{"an empty name is filled in by the broker", func(r *rig) {
		ch := r.channel()
		q, err := private().declare(ch, "")
		r.must(err)
		if !strings.HasPrefix(q.Name, "amq.gen-") {
			r.Errorf("got %q", q.Name)
		}
		r.publish(q.Name, "1")
		last, err := ch.QueuePurge("", false)
		r.must(err)
		r.equal("purged from the queue last declared", last, 1)
	}},
	{"an empty name means nothing before a declaration", func(r *rig) {
		r.refused(404, "NOT_FOUND - no previously declared queue", func(ch *amqp.Channel) error {
			_, err := ch.QueuePurge("", false)
			return err
		})
	}},
	{"names that begin with amq. are reserved", func(r *rig) {
		r.refused(403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'", func(ch *amqp.Channel) error {
			_, err := private().declare(ch, "amq.mine")
			return err
		})
	}},
	{"a queue that is declared otherwise is refused", func(r *rig) {
		q := r.name("q")
		r.declare(r.channel(), "q", shared("x-message-ttl", 1000))
		for _, c := range []struct {
			other queue
			text  string
		}{
			{queue{durable: true}, "'durable' for queue 'q~' in vhost '/': received 'true' but current is 'false'"},
			{queue{autoDelete: true}, "'auto_delete' for queue 'q~' in vhost '/': received 'true' but current is 'false'"},
			{queue{}, "'x-expires' for queue 'q~' in vhost '/': received none but current is the value '60000' of type 'signedint'"},
			{shared(), "'x-message-ttl' for queue 'q~' in vhost '/': received none but current is the value '1000' of type 'signedint'"},
			{
				shared("x-message-ttl", int64(2000)),
				"'x-message-ttl' for queue 'q~' in vhost '/': received '2000' but current is '1000'",
			},
			{
				shared("x-message-ttl", 1000, "x-max-length-bytes", 1, "x-overflow", "drop-head"),
				"'x-max-length-bytes' for queue 'q~' in vhost '/': received the value '1' of type 'signedint' but current is none",
			},
			{
				shared("x-message-ttl", 1000, "x-overflow", "drop-head"),
				"'x-overflow' for queue 'q~' in vhost '/': received the value 'drop-head' of type 'longstr' but current is none",
			},
			{
				shared("x-message-ttl", 1000, "x-single-active-consumer", true),
				"'x-single-active-consumer' for queue 'q~' in vhost '/': received the value 'true' of type 'bool' but current is none",
			},
		} {
			r.refused(406, "PRECONDITION_FAILED - inequivalent arg "+c.text, func(ch *amqp.Channel) error {
				_, err := c.other.declare(ch, q)
				return err
			})
		}
	}},
	{"an exclusive queue cannot be declared as a shared one, nor the other way round", func(r *rig) {
		const text = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q~' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration."
		r.declare(r.channel(), "q", private())
		r.refused(405, text, func(ch *amqp.Channel) error {
			_, err := queue{}.declare(ch, r.name("q"))
			return err
		})
		r.declare(r.channel(), "p", shared())
		r.refused(405, strings.Replace(text, "'q~'", "'p~'", 1), func(ch *amqp.Channel) error {
			_, err := private().declare(ch, r.name("p"))
			return err
		})
	}},
	{"arguments without meaning are refused", func(r *rig) {
		for _, c := range []struct {
			key   string
			value any
			why   string
		}{
			{"x-message-ttl", -1, "{value_negative,-1}"},
			{"x-message-ttl", "long", "\"expected integer, got longstr\""},
			{"x-message-ttl", int64(math.MaxInt64), "{value_too_large,9223372036854775807}"},
			{"x-expires", 0, "{value_zero,0}"},
			{"x-expires", int64(315360000001), "{value_too_large,315360000001}"},
			{"x-max-length", -5, "{value_negative,-5}"},
			{"x-max-length", true, "\"expected integer, got bool\""},
			{"x-max-length-bytes", -5, "{value_negative,-5}"},
			{"x-max-length-bytes", "long", "\"expected integer, got longstr\""},
			{"x-overflow", "burst", "invalid_overflow"},
			{"x-overflow", 1, "{unacceptable_type,signedint}"},
			{"x-single-active-consumer", "yes", "{unacceptable_type,longstr}"},
		} {
			r.refused(406, "PRECONDITION_FAILED - invalid arg '"+c.key+"' for queue 'q~' in vhost '/': "+c.why, func(ch *amqp.Channel) error {
				_, err := queue{exclusive: true, args: amqp.Table{c.key: c.value}}.declare(ch, r.name("q"))
				return err
			})
		}
	}},
	{"arguments that nobody knows are ignored", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private("mine", "1"))
		_, err := private("mine", "2").declare(ch, q)
		r.must(err)
	}},
	{"a classic queue need not be called so", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private("x-queue-type", "classic"))
		_, err := private().declare(ch, q)
		r.must(err)
	}},
	{"a passive declaration finds, counts and creates nothing", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2", "3")
		receive(r, r.consume(ch, q, 1))
		r.equal("ready, consumers", r.counts(q), [2]int{2, 1})
		r.refused(404, "NOT_FOUND - no queue 'absent~' in vhost '/'", func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(r.name("absent"), false, false, false, false, nil)
			return err
		})
	}},
	{"an exclusive queue is closed to other connections, except for messages", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		ch := r.channel()
		_, err := private().declare(ch, q)
		r.must(err)
		r.must(ch.QueueBind(q, r.suffix, "amq.direct", false, nil))
		stranger := r.connect()
		r.must(r.channelOf(stranger).QueueUnbind(q, "never bound", "amq.direct", nil))
		for name, do := range map[string]func(ch *amqp.Channel) error{
			"declare": func(ch *amqp.Channel) error { _, err := private().declare(ch, q); return err },
			"passive": func(ch *amqp.Channel) error {
				_, err := ch.QueueDeclarePassive(q, false, false, false, false, nil)
				return err
			},
			"bind":   func(ch *amqp.Channel) error { return ch.QueueBind(q, "k", "amq.direct", false, nil) },
			"unbind": func(ch *amqp.Channel) error { return ch.QueueUnbind(q, r.suffix, "amq.direct", nil) },
			"purge":  func(ch *amqp.Channel) error { _, err := ch.QueuePurge(q, false); return err },
			"delete": func(ch *amqp.Channel) error { _, err := ch.QueueDelete(q, false, false, false); return err },
			"consume": func(ch *amqp.Channel) error {
				_, err := ch.Consume(q, "", true, false, false, false, nil)
				return err
			},
		} {
			r.Log(name)
			r.refusedOn(r.channelOf(stranger), 405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q~' in vhost '/'", do)
		}
		r.must(r.channelOf(stranger).Publish("", q, false, false, amqp.Publishing{}))
		r.eventually("message", func() bool { return r.counts(q)[0] == 1 })
	}},
	{"an exclusive queue ends with its connection", func(r *rig) {
		owner := r.connect()
		q := r.declare(r.channelOf(owner), "q", private())
		r.must(owner.Close())
		r.eventually("takeover", func() bool {
			_, err := private().declare(r.channel(), q)
			return err == nil
		})
	}},
	{"an auto-delete queue ends with its last consumer", func(r *rig) {
		q := r.declare(r.channel(), "q", queue{autoDelete: true})
		a, b := r.channel(), r.channel()
		r.consume(a, q, 1)
		r.consume(b, q, 1)
		r.must(a.Close())
		r.equal("exists with one consumer left", r.exists(q), true)
		r.must(b.Close())
		r.eventually("end of queue", func() bool { return !r.exists(q) })
	}},
	{"a queue with x-expires ends when unused for so long", func(r *rig) {
		const life = 400 * time.Millisecond
		ch := r.channel()
		q := r.declare(ch, "q", queue{args: amqp.Table{"x-expires": int32(life / time.Millisecond)}})
		for range 3 {
			time.Sleep(life / 2)
			r.equal("exists while it is declared now and then", r.exists(q), true)
		}
		user := r.channel()
		r.consume(user, q, 1)
		time.Sleep(2 * life)
		r.must(user.Close())
		r.equal("exists after it was consumed", r.exists(q), true)
		time.Sleep(2 * life)
		r.equal("exists after its life", r.exists(q), false)
	}},
	{"deleting counts, keeps conditions and forgives absence", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2")
		r.refused(406, "PRECONDITION_FAILED - queue 'q~' in vhost '/' not empty", func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(q, false, true, false)
			return err
		})
		n, err := ch.QueueDelete(q, true, false, false)
		r.must(err)
		r.equal("deleted messages", n, 2)
		n, err = ch.QueueDelete(q, true, true, false)
		r.must(err)
		r.equal("deleted messages of no queue", n, 0)

		r.declare(ch, "q", private())
		r.consume(ch, q, 1)
		r.refused(406, "PRECONDITION_FAILED - queue 'q~' in vhost '/' in use", func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(q, true, false, false)
			return err
		})
	}},
	{"purging counts and leaves what is delivered", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2", "3")
		d := receive(r, r.consume(ch, q, 1))
		n, err := ch.QueuePurge(q, false)
		r.must(err)
		r.equal("purged", n, 2)
		r.must(d.Nack(false, true))
		r.must(ch.Close())
		r.equal("left", r.drain(q), "1*")
		r.refused(404, "NOT_FOUND - no queue 'absent~' in vhost '/'", func(ch *amqp.Channel) error {
			_, err := ch.QueuePurge(r.name("absent"), false)
			return err
		})
	}},
	{"consumers are told that their queue was deleted", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2")
		cancelled := ch.NotifyCancel(make(chan string, 1))
		r.must(ch.Qos(1, 0, false))
		ds, err := ch.Consume(q, "me", false, false, false, false, nil)
		r.must(err)
		d := receive(r, ds)
		n, err := r.channel().QueueDelete(q, false, false, false)
		r.must(err)
		r.equal("deleted ready messages", n, 1)
		r.equal("cancelled", receive(r, cancelled), "me")
		_, open := <-ds
		r.equal("deliveries go on", open, false)
		r.must(d.Ack(false))
		_, err = private().declare(ch, q)
		r.must(err) // so the acknowledgement was no error
	}},
	{"no answer is given where none is wanted", func(r *rig) {
		ch := r.channel()
		q := r.name("q")
		const noWait = true
		_, err := ch.QueueDeclare(q, false, false, true, noWait, nil)
		r.must(err)
		r.must(ch.ExchangeDeclare(r.name("x"), "fanout", false, true, false, noWait, nil))
		r.must(ch.QueueBind(q, "", r.name("x"), noWait, nil))
		_, err = ch.QueuePurge(q, noWait)
		r.must(err)
		_, err = ch.Consume(q, "me", true, false, false, noWait, nil)
		r.must(err)
		r.must(ch.Cancel("me", noWait))
		r.must(ch.ExchangeDelete(r.name("x"), false, noWait))
		_, err = ch.QueueDelete(q, false, false, noWait)
		r.must(err)
		r.must(ch.Close())
		r.equal("exists", r.exists(q), false)
	}},
}
