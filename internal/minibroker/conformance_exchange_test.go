package minibroker_test

import (
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// routes publishes a message with each of the keys and returns, for each, the
// queues that it reached, joined.
func (r *rig) routes(exchange string, queues []string, keys ...string) string {
	r.Helper()
	var out []string
	for _, key := range keys {
		r.send(exchange, key, amqp.Publishing{Body: []byte("m")})
		var reached []string
		for _, q := range queues {
			for range r.counts(q)[0] {
				reached = append(reached, strings.TrimSuffix(q, r.suffix))
			}
			_, err := r.channel().QueuePurge(q, false)
			r.must(err)
		}
		out = append(out, strings.Join(reached, ""))
	}
	return strings.Join(out, " ")
}

// bound declares queues a, b, ... bound to the exchange with one key each.
func (r *rig) bound(exchange string, keys ...string) []string {
	r.Helper()
	var qs []string
	for i, key := range keys {
		ch := r.channel()
		q := r.declare(ch, string(rune('a'+i)), private())
		r.must(ch.QueueBind(q, key, exchange, false, nil))
		qs = append(qs, q)
	}
	return qs
}

// exchange declares one that ends with its last binding.
func (r *rig) exchange(kind string) string {
	r.Helper()
	name := r.name(kind)
	r.must(r.channel().ExchangeDeclare(name, kind, false, true, false, false, nil))
	return name
}

var exchangeBehaviours = []behaviour{
	{"a direct exchange routes by equal keys", func(r *rig) {
		x := r.exchange("direct")
		qs := r.bound(x, "k", "k", "", "K")
		r.equal("reached", r.routes(x, qs, "k", "", "K", "other"), "ab c d ")
	}},
	{"a fanout exchange routes to all", func(r *rig) {
		x := r.exchange("fanout")
		qs := r.bound(x, "k", "other")
		r.equal("reached", r.routes(x, qs, "k", ""), "ab ab")
	}},
	{"a topic exchange routes by patterns", func(r *rig) {
		x := r.exchange("topic")
		qs := r.bound(x, "#", "*", "a.*", "a.#", "#.z", "a.*.z", "*.#.z", "", "#.#", "a.#.b.#", "a..b", "*.")
		r.equal("reached", r.routes(x, qs, "a", "", "a.b", "a.b.z", "z", "a.z", "a..b", ".", "a.", "a.x.b.y.b", "*", "#", "a.a.z"),
			"abdi ahi acdij adefgij abei acdegi adijk ail acdil adij abi abi adefgi")
	}},
	{"a message reaches each queue once", func(r *rig) {
		x := r.exchange("topic")
		qs := r.bound(x, "a.*", "*.b")
		for range 2 {
			r.must(r.channel().QueueBind(qs[0], "#", x, false, nil))
		}
		r.equal("reached", r.routes(x, qs, "a.b"), "ab")
	}},
	{"the default exchange routes to the queue of that name", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		r.equal("reached", r.routes("", []string{q}, q, r.name("absent")), "q ")
		for _, do := range []func(ch *amqp.Channel) error{
			func(ch *amqp.Channel) error { return ch.QueueBind(q, "k", "", false, nil) },
			func(ch *amqp.Channel) error { return ch.QueueUnbind(q, "k", "", nil) },
			func(ch *amqp.Channel) error { return ch.ExchangeDelete("", false, false) },
			func(ch *amqp.Channel) error {
				return ch.ExchangeDeclarePassive("", "direct", false, false, false, false, nil)
			},
			func(ch *amqp.Channel) error { return ch.ExchangeDeclare("", "direct", true, false, false, false, nil) },
		} {
			r.refused(403, "ACCESS_REFUSED - operation not permitted on the default exchange", do)
		}
	}},
	{"exchanges of each type are there from the start", func(r *rig) {
		for _, kind := range []string{"direct", "fanout", "topic"} {
			name := "amq." + kind
			r.must(r.channel().ExchangeDeclare(name, kind, true, false, false, false, nil))
			r.must(r.channel().ExchangeDeclarePassive(name, kind, false, false, false, false, nil))
			r.refused(403, "ACCESS_REFUSED - deletion of system exchange '"+name+"' in vhost '/' not allowed", func(ch *amqp.Channel) error {
				return ch.ExchangeDelete(name, false, false)
			})
		}
		r.refused(403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'", func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare("amq.mine", "direct", false, false, false, false, nil)
		})
	}},
	{"an exchange that is declared otherwise is refused", func(r *rig) {
		x := r.exchange("topic")
		for text, declare := range map[string]func(ch *amqp.Channel) error{
			"'type' for exchange 'topic~' in vhost '/': received 'direct' but current is 'topic'": func(ch *amqp.Channel) error {
				return ch.ExchangeDeclare(x, "direct", false, true, false, false, nil)
			},
			"'durable' for exchange 'topic~' in vhost '/': received 'true' but current is 'false'": func(ch *amqp.Channel) error {
				return ch.ExchangeDeclare(x, "topic", true, true, false, false, nil)
			},
			"'auto_delete' for exchange 'topic~' in vhost '/': received 'false' but current is 'true'": func(ch *amqp.Channel) error {
				return ch.ExchangeDeclare(x, "topic", false, false, false, false, nil)
			},
		} {
			r.refused(406, "PRECONDITION_FAILED - inequivalent arg "+text, declare)
		}
		r.must(r.channel().ExchangeDelete(x, false, false))
	}},
	{"an exchange of an unknown type ends the connection", func(r *rig) {
		r.refused(503, "COMMAND_INVALID - unknown exchange type 'odd'", func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare(r.name("x"), "odd", false, true, false, false, nil)
		})
		r.equal("connection closed", r.main.IsClosed(), true)
	}},
	{"what is not there is not found", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		const noExchange, noQueue = "NOT_FOUND - no exchange 'absent~' in vhost '/'", "NOT_FOUND - no queue 'absent~' in vhost '/'"
		absent := r.name("absent")
		r.refused(404, noExchange, func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(absent, "direct", false, false, false, false, nil)
		})
		r.refused(404, noExchange, func(ch *amqp.Channel) error { return ch.QueueBind(q, "k", absent, false, nil) })
		r.refused(404, noQueue, func(ch *amqp.Channel) error { return ch.QueueBind(absent, "k", "amq.direct", false, nil) })
		r.refused(404, noExchange, func(ch *amqp.Channel) error {
			return ch.Publish(absent, "k", false, false, amqp.Publishing{Body: []byte("m")})
		})
		r.must(r.channel().QueueUnbind(q, "never bound", "amq.direct", nil))
		r.must(r.channel().QueueUnbind(absent, "k", "amq.direct", nil))
		r.must(r.channel().QueueUnbind(q, "k", absent, nil))
		r.must(r.channel().ExchangeDelete(absent, false, false))
	}},
	{"a binding differs by its arguments", func(r *rig) {
		x := r.exchange("direct")
		ch := r.channel()
		q := r.bound(x, "k")[0]
		r.must(ch.QueueBind(q, "k", x, false, amqp.Table{"n": 1}))
		r.must(ch.QueueUnbind(q, "k", x, nil))
		r.equal("reached", r.routes(x, []string{q}, "k"), "a")
		r.must(ch.QueueUnbind(q, "k", x, amqp.Table{"n": 1}))
		r.refused(404, "NOT_FOUND - no exchange 'direct~' in vhost '/'", func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(x, "direct", false, true, false, false, nil)
		})
	}},
	{"an auto-delete exchange ends with its last queue", func(r *rig) {
		x := r.exchange("fanout")
		q := r.bound(x, "")[0]
		r.refused(406, "PRECONDITION_FAILED - exchange 'fanout~' in vhost '/' in use", func(ch *amqp.Channel) error {
			return ch.ExchangeDelete(x, true, false)
		})
		_, err := r.channel().QueueDelete(q, false, false, false)
		r.must(err)
		r.refused(404, "NOT_FOUND - no exchange 'fanout~' in vhost '/'", func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(x, "fanout", false, true, false, false, nil)
		})
	}},
	{"bindings end with their exchange", func(r *rig) {
		x := r.exchange("fanout")
		qs := r.bound(x, "")
		r.must(r.channel().ExchangeDelete(x, false, false))
		r.exchange("fanout")
		r.must(r.channel().ExchangeDeclarePassive(x, "fanout", false, true, false, false, nil))
		r.equal("reached", r.routes(x, qs, ""), "")
		r.must(r.channel().ExchangeDelete(x, false, false))
	}},
}
