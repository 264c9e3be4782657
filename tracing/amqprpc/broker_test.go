package amqprpc_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is where a test runs: on the embedded broker in virtual time, or on
// RabbitMQ in real time.
type world struct {
	*testing.T
	brokertest.Broker
	// timeout is that of calls which are meant to time out, in virtual time
	// as long as in production.
	timeout time.Duration
	suffix  string // makes names unique
}

// everywhere runs a test on both brokers.
func everywhere(t *testing.T, test func(w *world)) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		w := &world{T: t, Broker: b, timeout: 5 * time.Second}
		if b.Embedded == nil {
			w.timeout, w.suffix = 300*time.Millisecond, "."+rand.Text()[:8]
		}
		test(w)
	})
}

func (w *world) config() amqprpc.Config {
	return amqprpc.Config{URL: w.URL, Dial: w.Dial, Name: w.Name(), CallTimeout: 5 * time.Second}
}

func (w *world) observed(agent *tracing.Agent) amqprpc.Config {
	cfg := w.config()
	cfg.Agent = agent
	return cfg
}

// until waits for something that takes its time.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.Fatalf("it never came to pass: %s", what)
}

func (w *world) connect(cfg amqprpc.Config, opts ...amqprpc.Option) *amqprpc.Conn {
	w.Helper()
	conn, err := amqprpc.Dial(w.Context(), cfg, opts...)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(conn.Close)
	return conn
}

// through returns cfg with a network of its own.
func (w *world) through(cfg amqprpc.Config) (amqprpc.Config, *brokertest.Network) {
	n := brokertest.NewNetwork(w.Dial)
	cfg.Dial = n.Dial
	return cfg, n
}

func (w *world) queue(name string) string { return w.Name() + "/" + name + w.suffix }

// exclusive declares a queue that goes with its consumer.
func exclusive(queue string) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, false, true, true, false, nil)
		return err
	}
}

// shared declares a queue that is there for others when its consumer is gone.
func shared(queue string) func(*amqp.Channel) error {
	return func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-expires": int32(5000)})
		return err
	}
}

// service is a server that runs.
type service struct {
	cancel context.CancelFunc
	done   chan error
}

// serve runs a server until the test ends or stop is called. It returns once
// the server consumes.
func (w *world) serve(conn *amqprpc.Conn, srv amqprpc.Server) *service {
	w.Helper()
	ready := make(chan struct{}, 100)
	declare := srv.Declare
	if declare == nil {
		declare = exclusive(srv.Queue)
	}
	srv.Declare = func(ch *amqp.Channel) error {
		err := declare(ch)
		ready <- struct{}{}
		return err
	}
	ctx, cancel := context.WithCancel(w.Context())
	s := &service{cancel: cancel, done: make(chan error, 1)}
	go func() { s.done <- conn.Serve(ctx, srv) }()
	<-ready
	w.Cleanup(func() { s.stop() })
	return s
}

func (s *service) stop() error {
	s.cancel()
	err := <-s.done
	s.done <- err
	return err
}

func (w *world) call(conn *amqprpc.Conn, queue, body string) (string, error) {
	reply, err := conn.Call(w.Context(), amqprpc.Call{Key: queue, Body: []byte(body)})
	return string(reply.Body), err
}

func echo(_ context.Context, r *amqprpc.Request) ([]byte, error) { return r.Body, nil }

// onChannel runs use with a connection of its own. What use published has arrived
// when it returns.
func (w *world) onChannel(use func(ch *amqp.Channel) error) {
	w.Helper()
	conn, err := amqp.DialConfig(w.URL, amqp.Config{Dial: w.Dial})
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		w.Fatal(err)
	}
	if err := use(ch); err != nil {
		w.Fatal(err)
	}
	ch.Close()
}

func (w *world) deleteQueue(name string) {
	w.Helper()
	w.onChannel(func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(name, false, false, false)
		return err
	})
}
