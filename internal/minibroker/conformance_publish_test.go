package minibroker_test

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"
)

var publishBehaviours = []behaviour{
	{"confirms count the messages of the channel", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.must(ch.Publish("", q, false, false, amqp.Publishing{}))
		r.must(ch.Confirm(false))
		for i := range 3 {
			c, err := ch.PublishWithDeferredConfirm("", []string{q, r.name("absent")}[i%2], false, false, amqp.Publishing{})
			r.must(err)
			r.equal("confirmed", c.Wait(), true)
			r.equal("tag", c.DeliveryTag, uint64(i+1))
		}
		r.equal("ready", r.counts(q)[0], 3)
	}},
	{"a mandatory message without a queue comes back, then is confirmed", func(r *rig) {
		ch := r.channel()
		returns := ch.NotifyReturn(make(chan amqp.Return, 1))
		r.must(ch.Confirm(false))
		const mandatory = true
		c, err := ch.PublishWithDeferredConfirm("amq.direct", r.name("nowhere"), mandatory, false, amqp.Publishing{
			MessageId: "1", Headers: amqp.Table{"h": "v"}, Body: []byte("body"),
		})
		r.must(err)
		r.equal("confirmed", c.Wait(), true)
		select {
		case back := <-returns:
			r.equal("returned", fmt.Sprint(back.ReplyCode, back.ReplyText, back.Exchange, back.RoutingKey == r.name("nowhere"), back.MessageId, back.Headers, string(back.Body)),
				"312NO_ROUTEamq.directtrue1map[h:v]body")
		default:
			r.Error("confirmed before it came back")
		}
	}},
	{"a full queue drops its oldest ready messages", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private("x-max-length", 2))
		ds := r.consume(ch, q, 1)
		r.publish(q, "1", "2", "3", "4")
		r.equal("delivered", r.bodies(ds, 1), "1")
		r.equal("ready", r.counts(q)[0], 2)
		r.must(ch.Close())
		r.equal("left", r.drain(q), "3 4")
	}},
	{"a queue is full by the bytes of its ready messages too", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private("x-max-length", 3, "x-max-length-bytes", 10))
		ds := r.consume(ch, q, 1)
		r.publish(q, "11111111", "2222", "333", "444", "5")
		r.equal("delivered", r.bodies(ds, 1), "11111111")
		r.equal("by number", r.counts(q)[0], 3)
		r.publish(q, "66666")
		r.equal("by bytes", r.counts(q)[0], 3)
		r.publish(q, "7777777777")
		r.equal("one of all bytes", r.counts(q)[0], 1)
		r.publish(q, "88888888888")
		r.equal("one that is too large", r.counts(q)[0], 0)
		r.publish(q, "99", "000")
		r.must(ch.Close())
		r.equal("the one that came back was the oldest", r.drain(q), "99 000")
	}},
	{"a queue that rejects keeps to its bytes", func(r *rig) {
		q := r.declare(r.channel(), "q", private("x-max-length-bytes", 4, "x-overflow", "reject-publish"))
		var confirmed []bool
		for _, body := range []string{"11", "222", "33", "", "4"} {
			confirmed = append(confirmed, r.send("", q, amqp.Publishing{Body: []byte(body)}))
		}
		r.equal("confirmed", fmt.Sprint(confirmed), "[true false true true false]")
		_, err := r.channel().QueuePurge(q, false)
		r.must(err)
		r.equal("confirmed when there is room again", r.send("", q, amqp.Publishing{Body: []byte("4444")}), true)
	}},
	{"a full queue that rejects keeps what it has, and the publisher learns it", func(r *rig) {
		q := r.declare(r.channel(), "q", private("x-max-length", 2, "x-overflow", "reject-publish"))
		other := r.declare(r.channel(), "other", private())
		for _, name := range []string{q, other} {
			r.must(r.channel().QueueBind(name, r.name("k"), "amq.direct", false, nil))
		}
		var confirmed []bool
		for i := range 4 {
			confirmed = append(confirmed, r.send("amq.direct", r.name("k"), amqp.Publishing{Body: []byte{'0' + byte(i)}}))
		}
		r.equal("confirmed", fmt.Sprint(confirmed), "[true true false false]")
		r.equal("full queue", r.drain(q), "0 1")
		r.equal("other queue", r.drain(other), "0 1 2 3")
	}},
	{"a queue that rejects what it has no limit for takes everything", func(r *rig) {
		q := r.declare(r.channel(), "q", private("x-overflow", "reject-publish"))
		for range 3 {
			r.equal("confirmed", r.send("", q, amqp.Publishing{}), true)
		}
		r.equal("ready", r.counts(q)[0], 3)
	}},
	{"a queue of no length only hands through", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private("x-max-length", 0))
		r.publish(q, "lost")
		ds := r.consume(ch, q, 1)
		r.publish(q, "1", "2")
		r.equal("delivered", r.bodies(ds, 1), "1")
		r.equal("ready", r.counts(q)[0], 0)
	}},
	{"a message may name its user, if truly", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		r.equal("confirmed", r.send("", q, amqp.Publishing{UserId: "guest"}), true)
		r.refused(406, "PRECONDITION_FAILED - user_id property set to 'mallory' but authenticated user was 'guest'", func(ch *amqp.Channel) error {
			return ch.Publish("", q, false, false, amqp.Publishing{UserId: "mallory"})
		})
	}},
	{"immediate is not implemented", func(r *rig) {
		r.refused(540, "NOT_IMPLEMENTED - immediate=true", func(ch *amqp.Channel) error {
			const immediate = true
			return ch.Publish("", "q", false, immediate, amqp.Publishing{})
		})
	}},
	{"a direct reply reaches the channel that asked", func(r *rig) {
		const pseudo = "amq.rabbitmq.reply-to"
		client, server := r.channel(), r.channel()
		q := r.declare(server, "q", private())
		replies, err := client.Consume(pseudo, "", true, false, false, false, nil)
		r.must(err)
		r.must(client.Publish("", q, false, false, amqp.Publishing{ReplyTo: pseudo, CorrelationId: "7", MessageId: "8", Body: []byte("ask")}))
		request := receive(r, r.consume(server, q, 1))
		r.equal("reply-to is an address", len(request.ReplyTo) > len(pseudo), true)
		r.equal("the rest is unchanged", request.CorrelationId+request.MessageId+string(request.Body), "78ask")
		_, err = server.QueueDeclarePassive(request.ReplyTo, false, false, false, false, nil)
		r.must(err)
		for range 2 {
			r.must(server.Publish("", request.ReplyTo, false, false, amqp.Publishing{CorrelationId: "7", Body: []byte("answer")}))
		}
		r.equal("replies", r.bodies(replies, 2), "answer answer")

		returns := server.NotifyReturn(make(chan amqp.Return, 1))
		r.must(server.Confirm(false))
		const mandatory = true
		confirmed, err := server.PublishWithDeferredConfirm("", request.ReplyTo, mandatory, false, amqp.Publishing{Body: []byte("both")})
		r.must(err)
		r.equal("confirmed", confirmed.Wait(), true)
		r.equal("mandatory reply arrived", r.bodies(replies, 1), "both")
		r.equal("and came back, since it reached no queue", string((<-returns).Body), "both")

		r.must(client.Close())
		r.refused(404, "NOT_FOUND - no queue '"+request.ReplyTo+"' in vhost '/'", func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(request.ReplyTo, false, false, false, false, nil)
			return err
		})
		r.equal("late reply is confirmed", r.send("", request.ReplyTo, amqp.Publishing{}), true)
	}},
	{"a direct reply needs a consumer without acknowledgements, and one only", func(r *rig) {
		const pseudo = "amq.rabbitmq.reply-to"
		r.refused(406, "PRECONDITION_FAILED - fast reply consumer does not exist", func(ch *amqp.Channel) error {
			return ch.Publish("", r.name("q"), false, false, amqp.Publishing{ReplyTo: pseudo})
		})
		r.refused(406, "PRECONDITION_FAILED - reply consumer cannot acknowledge", func(ch *amqp.Channel) error {
			_, err := ch.Consume(pseudo, "", false, false, false, false, nil)
			return err
		})
		r.refused(406, "PRECONDITION_FAILED - reply consumer already set", func(ch *amqp.Channel) error {
			_, err := ch.Consume(pseudo, "", true, false, false, false, nil)
			r.must(err)
			_, err = ch.Consume(pseudo, "", true, false, false, false, nil)
			return err
		})
		ch := r.channel()
		_, err := ch.Consume(pseudo, "me", true, false, false, false, nil)
		r.must(err)
		r.must(ch.Cancel("me", false))
		_, err = ch.Consume(pseudo, "me", true, false, false, false, nil)
		r.must(err)
	}},
}
