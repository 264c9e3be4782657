package minibroker_test

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	amqp "github.com/rabbitmq/amqp091-go"
)

var everything = amqp.Publishing{
	Headers: amqp.Table{
		"bool": true, "byte": byte(200), "int8": int8(-8), "int16": int16(-16), "uint16": uint16(math.MaxUint16), "int32": int32(-32),
		"uint32": uint32(math.MaxUint32), "int64": int64(math.MinInt64), "float32": float32(0.5), "float64": math.Pi,
		"decimal": amqp.Decimal{Scale: 2, Value: 12345}, "string": "snowman \u2603 \xff", "bytes": []byte{0, 1, 255}, "time": time.Unix(1600000000, 0),
		"void": nil, "empty": "", strings.Repeat("k", 255): int32(1),
		"table": amqp.Table{"inner": amqp.Table{"array": []any{int32(1), "two", []any{true}, amqp.Table{"x": nil}}}},
	},
	ContentType: "text/plain", ContentEncoding: "utf-8", DeliveryMode: amqp.Persistent, Priority: 7, CorrelationId: "c", ReplyTo: "r",
	Expiration: "60000", MessageId: "m", Timestamp: time.Unix(1700000000, 0), Type: "t", UserId: "guest", AppId: "a", Body: []byte("body"),
}

var messageBehaviours = []behaviour{
	{"every property and type of header arrives as it was sent", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		r.send("", q, everything)
		d := receive(r, r.consume(ch, q, 1))
		got := amqp.Publishing{
			Headers: d.Headers, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode,
			Priority: d.Priority, CorrelationId: d.CorrelationId, ReplyTo: d.ReplyTo, Expiration: d.Expiration, MessageId: d.MessageId,
			Timestamp: d.Timestamp, Type: d.Type, UserId: d.UserId, AppId: d.AppId, Body: d.Body,
		}
		if diff := cmp.Diff(everything, got, cmpopts.EquateEmpty()); diff != "" {
			r.Error(diff)
		}
	}},
	{"bodies of any size arrive whole", func(r *rig) {
		ch := r.channel()
		q := r.declare(ch, "q", private())
		ds := r.consume(ch, q, 0)
		for _, size := range []int{0, 1, 131064, 131065, 1 << 20} {
			body := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
			r.send("", q, amqp.Publishing{Body: body})
			if got := receive(r, ds).Body; !bytes.Equal(got, body) {
				r.Errorf("%d bytes arrived as %d", size, len(got))
			}
		}
	}},
	{"small frames carry large bodies", func(r *rig) {
		config := r.config
		config.FrameSize = 4096
		conn, err := amqp.DialConfig(r.url, config)
		r.must(err)
		r.Cleanup(func() { conn.Close() })
		ch := r.channelOf(conn)
		q, err := private().declare(ch, "")
		r.must(err)
		body := bytes.Repeat([]byte("x"), 10000)
		r.must(ch.Publish("", q.Name, false, false, amqp.Publishing{Body: body}))
		r.equal("bytes", len(receive(r, r.consume(ch, q.Name, 1)).Body), len(body))
	}},
	{"messages expire by the shorter of their own life and the queue's", func(r *rig) {
		long := r.declare(r.channel(), "long", private("x-message-ttl", 60000))
		short := r.declare(r.channel(), "short", private("x-message-ttl", 50))
		none := r.declare(r.channel(), "none", private())
		for _, q := range []string{long, short, none} {
			r.send("", q, amqp.Publishing{Expiration: "50"})
			r.send("", q, amqp.Publishing{Expiration: "60000"})
		}
		r.eventually("expiry", func() bool {
			return r.counts(long)[0] == 1 && r.counts(short)[0] == 0 && r.counts(none)[0] == 1
		})
	}},
	{"a message expires at the head of the queue only", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		first := r.declare(r.channel(), "first", private())
		r.publish(q, "stays")
		r.send("", q, amqp.Publishing{Expiration: "20", Body: []byte("behind")})
		r.send("", first, amqp.Publishing{Expiration: "20"})
		r.eventually("expiry at the head", func() bool { return r.counts(first)[0] == 0 })
		r.equal("ready", r.counts(q)[0], 2)
		ch := r.channel()
		d := receive(r, r.consume(ch, q, 1))
		r.must(d.Ack(false))
		r.eventually("expiry of what has come to the head", func() bool { return r.counts(q)[0] == 0 })
	}},
	{"a message without any life reaches who waits for it", func(r *rig) {
		q := r.declare(r.channel(), "q", private("x-message-ttl", 0))
		r.publish(q, "lost")
		ch := r.channel()
		ds := r.consume(ch, q, 1)
		r.publish(q, "1", "lost too")
		r.equal("ready", r.counts(q)[0], 0)
		d := receive(r, ds)
		r.equal("delivered", string(d.Body), "1")
		r.must(d.Nack(false, true))
		r.must(ch.Close())
		r.equal("left after it came back", r.drain(q), "")
	}},
	{"a life that is no number is refused", func(r *rig) {
		q := r.declare(r.channel(), "q", private())
		for expiration, why := range map[string]string{
			"soon": "no_integer", " 1": "no_integer", "-": "no_integer", "-1": "{value_negative,-1}", "1.5": "{leftover_string,\".5\"}",
			"315360000001": "{value_too_large,315360000001}", "999999999999999999": "{value_too_large,999999999999999999}",
		} {
			r.refused(406, "PRECONDITION_FAILED - invalid expiration '"+expiration+"': "+why, func(ch *amqp.Channel) error {
				return ch.Publish("", q, false, false, amqp.Publishing{Expiration: expiration})
			})
		}
		r.equal("confirmed", r.send("", q, amqp.Publishing{Expiration: "+315360000000"}), true)
	}},
}
