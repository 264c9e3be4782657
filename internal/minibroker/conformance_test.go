package minibroker_test

import (
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// behaviour is one thing that a broker does, seen through the real client.
type behaviour struct {
	name string
	see  func(*rig)
}

// TestConformance shows the same behaviours on minibroker, in a bubble where
// waiting takes no time, and on the RabbitMQ of AMQP_URL, which is the judge.
func TestConformance(t *testing.T) {
	behaviours := slices.Concat(queueBehaviours, exchangeBehaviours, publishBehaviours, messageBehaviours, consumeBehaviours, connectionBehaviours)
	t.Run("minibroker", func(t *testing.T) {
		for _, b := range behaviours {
			t.Run(b.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { b.see(embeddedRig(t)) }) })
		}
	})
	t.Run("rabbitmq", func(t *testing.T) {
		url := os.Getenv("AMQP_URL")
		if url == "" {
			t.Skip("AMQP_URL is not set")
		}
		for _, b := range behaviours {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				b.see(&rig{T: t, url: url, suffix: "-" + rand.Text()})
			})
		}
	})
}

// rig is a test's hold on a broker. Its methods end the test on any failure that
// the test does not ask for.
type rig struct {
	*testing.T
	url    string
	config amqp.Config
	suffix string // of every name, so that tests on one broker do not meet
	main   *amqp.Connection
}

func embeddedRig(t *testing.T) *rig {
	b := minibroker.New()
	t.Cleanup(func() { b.Close() })
	return &rig{T: t, url: "amqp://guest:guest@embedded/", config: amqp.Config{Dial: b.Dial}}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) equal(what string, got, want any) {
	r.Helper()
	if got != want {
		r.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (r *rig) name(base string) string { return base + r.suffix }

// connect opens a connection that ends with the test.
func (r *rig) connect() *amqp.Connection {
	r.Helper()
	config := r.config
	config.Properties = amqp.Table{"connection_name": r.Name()}
	conn, err := amqp.DialConfig(r.url, config)
	r.must(err)
	r.Cleanup(func() { conn.Close() })
	return conn
}

// channel opens a channel on the rig's main connection.
func (r *rig) channel() *amqp.Channel {
	r.Helper()
	if r.main == nil || r.main.IsClosed() {
		r.main = r.connect()
	}
	return r.channelOf(r.main)
}

func (r *rig) channelOf(conn *amqp.Connection) *amqp.Channel {
	r.Helper()
	ch, err := conn.Channel()
	r.must(err)
	return ch
}

// queue is how a test declares one.
type queue struct {
	durable, autoDelete, exclusive bool
	args                           amqp.Table
}

// shared are the arguments of a test's queue that no connection owns. It expires,
// so that a failed test leaves none behind.
func shared(args ...any) queue {
	t := amqp.Table{"x-expires": int32(60000)}
	for i := 0; i < len(args); i += 2 {
		t[args[i].(string)] = args[i+1]
	}
	return queue{args: t}
}

func private(args ...any) queue {
	q := shared(args...)
	delete(q.args, "x-expires")
	q.exclusive = true
	return q
}

func (q queue) declare(ch *amqp.Channel, name string) (amqp.Queue, error) {
	return ch.QueueDeclare(name, q.durable, q.autoDelete, q.exclusive, false, q.args)
}

// declare declares a queue and returns its name.
func (r *rig) declare(ch *amqp.Channel, base string, q queue) string {
	r.Helper()
	declared, err := q.declare(ch, r.name(base))
	r.must(err)
	return declared.Name
}

// counts returns a queue's ready messages and consumers.
func (r *rig) counts(queue string) [2]int {
	r.Helper()
	ch := r.channel()
	defer ch.Close()
	q, err := ch.QueueDeclarePassive(queue, false, false, false, false, nil)
	r.must(err)
	return [2]int{q.Messages, q.Consumers}
}

func (r *rig) exists(queue string) bool {
	r.Helper()
	_, err := r.channel().QueueDeclarePassive(queue, false, false, false, false, nil)
	return err == nil
}

// eventually waits until cond holds, for what RabbitMQ does in its own time.
func (r *rig) eventually(what string, cond func() bool) {
	r.Helper()
	for range 500 {
		if cond() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.Fatalf("%s: not after 10 s", what)
}

// refused checks that do is answered by closing the channel, with this code and a
// text that begins so.
func (r *rig) refused(code int, text string, do func(*amqp.Channel) error) {
	r.Helper()
	r.refusedOn(r.channel(), code, text, do)
}

func (r *rig) refusedOn(ch *amqp.Channel, code int, text string, do func(*amqp.Channel) error) {
	r.Helper()
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	text = strings.ReplaceAll(text, "~", r.suffix)
	var got *amqp.Error
	if err := do(ch); !errors.As(err, &got) {
		got = receive(r, closed)
	}
	if got == nil || got.Code != code || !strings.HasPrefix(got.Reason, text) {
		r.Errorf("got %v, want %d %q", got, code, text)
	}
}

func receive[T any](r *rig, from <-chan T) T {
	r.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		r.Fatal("nothing received in 10 s")
		panic("unreachable")
	}
}

// publish publishes to the default exchange and waits for the confirm, so that
// the messages have arrived.
func (r *rig) publish(queue string, bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		r.send("", queue, amqp.Publishing{Body: []byte(body)})
	}
}

// send publishes one message and reports whether it was confirmed.
func (r *rig) send(exchange, key string, m amqp.Publishing) bool {
	r.Helper()
	ch := r.channel()
	defer ch.Close()
	r.must(ch.Confirm(false))
	confirmed, err := ch.PublishWithDeferredConfirm(exchange, key, false, false, m)
	r.must(err)
	return confirmed.Wait()
}

// consume consumes with acknowledgements, at most prefetch at a time.
func (r *rig) consume(ch *amqp.Channel, queue string, prefetch int) <-chan amqp.Delivery {
	r.Helper()
	r.must(ch.Qos(prefetch, 0, false))
	ds, err := ch.Consume(queue, "", false, false, false, false, nil)
	r.must(err)
	return ds
}

// bodies receives n messages and returns their bodies, joined.
func (r *rig) bodies(from <-chan amqp.Delivery, n int) string {
	r.Helper()
	var got []string
	for range n {
		d := receive(r, from)
		got = append(got, string(d.Body))
	}
	return strings.Join(got, " ")
}

// drain returns the bodies of what is ready in the queue, with a star at each that
// was delivered before, and leaves the queue empty.
func (r *rig) drain(queue string) string {
	r.Helper()
	ch := r.channel()
	defer ch.Close()
	n := r.counts(queue)[0]
	ds, err := ch.Consume(queue, "", true, false, false, false, nil)
	r.must(err)
	var got []string
	for range n {
		d := receive(r, ds)
		body := string(d.Body)
		if d.Redelivered {
			body += "*"
		}
		got = append(got, body)
	}
	return strings.Join(got, " ")
}
