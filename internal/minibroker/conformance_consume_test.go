package minibroker_test

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

// idle checks that the broker has nothing more for the consumer, whose channel it
// asks: answers follow deliveries.
func (r *rig) idle(ch *amqp.Channel, queue string, ds <-chan amqp.Delivery) {
	r.Helper()
	_, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	r.must(err)
	select {
	case d := <-ds:
		r.Errorf("got %q, want nothing", d.Body)
	default:
	}
}

var consumeBehaviours = []behaviour{
	{"prefetch bounds what each consumer has in hand", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2", "3", "4", "5", "6")
		two := r.consume(ch, q, 2)
		a, b := receive(r, two), receive(r, two)
		r.idle(ch, q, two)
		one := r.consume(ch, q, 1)
		r.equal("second consumer", r.bodies(one, 1), "3")
		r.idle(ch, q, one)
		r.equal("ready", r.counts(q)[0], 3)
		r.must(b.Ack(false))
		r.equal("after an ack", r.bodies(two, 1), "4")
		r.must(a.Nack(false, false))
		r.equal("after a nack", r.bodies(two, 1), "5")
		r.equal("ready", r.counts(q)[0], 1)
	}},
	{"consumers take turns", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		a, b := r.consume(r.channel(), q, 0), r.consume(r.channel(), q, 0)
		r.publish(q, "1", "2", "3", "4", "5", "6")
		r.equal("first", r.bodies(a, 3), "1 3 5")
		r.equal("second", r.bodies(b, 3), "2 4 6")
	}},
	{"a consumer without acknowledgements knows no prefetch", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2", "3")
		r.must(ch.Qos(1, 0, false))
		ds, err := ch.Consume(q, "", true, false, false, false, nil)
		r.must(err)
		r.equal("delivered", r.bodies(ds, 3), "1 2 3")
		r.refusedOn(ch, 406, "PRECONDITION_FAILED - unknown delivery tag 1", func(ch *amqp.Channel) error { return ch.Ack(1, false) })
	}},
	{"an acknowledgement of several takes all up to the tag", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2", "3", "4")
		ds := r.consume(ch, q, 0)
		r.bodies(ds, 4)
		r.must(ch.Ack(2, true))
		r.must(ch.Ack(4, false))
		r.must(ch.Close())
		r.eventually("return", func() bool { return r.counts(q)[0] == 1 })
		r.equal("left", r.drain(q), "3*")
	}},
	{"tag 0 means everything", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2")
		r.bodies(r.consume(ch, q, 0), 2)
		r.must(ch.Ack(0, true))
		r.must(ch.Ack(0, true))
		r.must(ch.Close())
		r.equal("left", r.drain(q), "")
		r.refused(406, "PRECONDITION_FAILED - unknown delivery tag 0", func(ch *amqp.Channel) error { return ch.Ack(0, false) })
	}},
	{"an unknown delivery tag ends the channel", func(r *rig) {
		for _, again := range []func(ch *amqp.Channel) error{
			func(ch *amqp.Channel) error { return ch.Ack(1, false) },
			func(ch *amqp.Channel) error { return ch.Ack(1, true) },
			func(ch *amqp.Channel) error { return ch.Nack(1, false, true) },
			func(ch *amqp.Channel) error { return ch.Reject(1, true) },
		} {
			ch := r.channel()
			q, err := private().declare(ch, "")
			r.must(err)
			r.publish(q.Name, "1", "2")
			r.bodies(r.consume(ch, q.Name, 2), 2)
			r.must(ch.Ack(1, false))
			r.refusedOn(ch, 406, "PRECONDITION_FAILED - unknown delivery tag 1", again)
			r.eventually("return", func() bool { return r.counts(q.Name)[0] == 1 })
		}
		r.refused(406, "PRECONDITION_FAILED - unknown delivery tag 99", func(ch *amqp.Channel) error { return ch.Ack(99, true) })
	}},
	{"what is given back keeps its place and is marked", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2", "3", "4", "5")
		ds, err := ch.Consume(q, "me", false, false, false, false, nil)
		r.must(err)
		r.bodies(ds, 5)
		r.must(ch.Cancel("me", false))
		r.must(ch.Reject(4, true))
		r.must(ch.Nack(2, true, true))
		r.must(ch.Reject(3, false))
		r.must(ch.Close())
		r.eventually("return", func() bool { return r.counts(q)[0] == 4 })
		r.equal("left", r.drain(q), "1* 2* 4* 5*")
	}},
	{"what is given back is delivered again", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2")
		ds := r.consume(ch, q, 1)
		first := receive(r, ds)
		r.equal("redelivered", first.Redelivered, false)
		r.must(first.Nack(false, true))
		again := receive(r, ds)
		r.equal("again", fmt.Sprint(string(again.Body), again.Redelivered, again.DeliveryTag), "1true 2")
	}},
	{"a channel that ends gives everything back", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.publish(q, "1", "2", "3")
		r.bodies(r.consume(ch, q, 2), 2)
		r.must(ch.Close())
		r.eventually("return", func() bool { return r.counts(q) == [2]int{3, 0} })
		r.equal("left", r.drain(q), "1* 2* 3")
	}},
	{"a connection that ends gives everything back", func(r *rig) {
		conn := r.connect()
		ch := r.channelOf(conn)
		q := r.declare(ch, "q", shared())
		r.publish(q, "1", "2")
		r.bodies(r.consume(ch, q, 0), 2)
		r.must(conn.Close())
		r.eventually("return", func() bool { return r.counts(q) == [2]int{2, 0} })
		r.equal("left", r.drain(q), "1* 2*")
		_, err := r.channel().QueueDelete(q, false, false, false)
		r.must(err)
	}},
	{"a cancelled consumer may still acknowledge", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		ds, err := ch.Consume(q, "me", false, false, false, false, nil)
		r.must(err)
		r.publish(q, "1")
		d := receive(r, ds)
		r.must(ch.Cancel("me", false))
		r.must(ch.Cancel("nobody", false))
		r.publish(q, "2")
		r.equal("ready, consumers", r.counts(q), [2]int{1, 0})
		r.must(d.Ack(false))
		r.must(ch.Close())
		r.equal("left", r.drain(q), "2")
	}},
	{"a consumer's tag is its own", func(r *rig) {
		conn := r.connect()
		ch := r.channelOf(conn)
		q := r.declare(ch, "q", private())
		consume := func(ch *amqp.Channel) error {
			_, err := ch.Consume(q, "me", true, false, false, false, nil)
			return err
		}
		r.must(consume(r.channelOf(conn)))
		r.must(consume(ch))
		r.must(ch.Cancel("me", false))
		r.must(consume(ch))
		r.refusedOn(ch, 530, "NOT_ALLOWED - attempt to reuse consumer tag 'me'", consume)
		r.equal("connection closed", conn.IsClosed(), true)
	}},
	{"an exclusive consumer is alone", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		consume := func(ch *amqp.Channel, exclusive bool) error {
			_, err := ch.Consume(q, "", true, exclusive, false, false, nil)
			return err
		}
		only := r.channel()
		r.must(consume(only, true))
		for _, exclusive := range []bool{false, true} {
			r.refused(403, "ACCESS_REFUSED - queue 'q~' in vhost '/' in exclusive use", func(ch *amqp.Channel) error { return consume(ch, exclusive) })
		}
		r.must(only.Close())
		r.must(consume(r.channel(), false))
		r.refused(403, "ACCESS_REFUSED - queue 'q~' in vhost '/' in exclusive use", func(ch *amqp.Channel) error { return consume(ch, true) })
	}},
	{"nobody consumes from no queue", func(r *rig) {
		r.refused(404, "NOT_FOUND - no queue 'absent~' in vhost '/'", func(ch *amqp.Channel) error {
			_, err := ch.Consume(r.name("absent"), "", true, false, false, false, nil)
			return err
		})
	}},
	{"a single active consumer gets all until it leaves", func(r *rig) {
		q := r.declare(r.channel(), "q", private("x-single-active-consumer", true))
		r.refused(403, "ACCESS_REFUSED - queue 'q~' in vhost '/' in exclusive use", func(ch *amqp.Channel) error {
			_, err := ch.Consume(q, "", true, true, false, false, nil)
			return err
		})
		a, b, c := r.channel(), r.channel(), r.channel()
		first := r.consume(a, q, 2)
		second, third := r.consume(b, q, 0), r.consume(c, q, 0)
		r.publish(q, "1", "2", "3")
		r.equal("active", r.bodies(first, 2), "1 2")
		r.idle(b, q, second)
		r.equal("ready, consumers", r.counts(q), [2]int{1, 3})
		r.must(a.Close())
		r.equal("next", r.bodies(second, 3), "1 2 3")
		r.idle(c, q, third)
	}},
	{"a token in a queue of a single active consumer is a lock with a fair queue", func(r *rig) {
		q := r.declare(r.channel(), "q", shared("x-single-active-consumer", true, "x-max-length", 1))
		var holders []*amqp.Connection
		var tokens []<-chan amqp.Delivery
		for range 4 {
			conn := r.connect()
			holders = append(holders, conn)
			tokens = append(tokens, r.consume(r.channelOf(conn), q, 1))
			r.publish(q, "token") // each makes sure that there is one
		}
		for i, conn := range holders {
			receive(r, tokens[i])
			for _, waiting := range tokens[i+1:] {
				r.equal("others get", len(waiting), 0)
			}
			r.must(conn.Close())
		}
		r.eventually("the token is back, and alone", func() bool { return r.counts(q) == [2]int{1, 0} })
		_, err := r.channel().QueueDelete(q, false, false, false)
		r.must(err)
	}},
	{"a byte limit of prefetch is not implemented", func(r *rig) {
		r.refused(540, "NOT_IMPLEMENTED - prefetch_size!=0 (1)", func(ch *amqp.Channel) error { return ch.Qos(0, 1, false) })
	}},
}
