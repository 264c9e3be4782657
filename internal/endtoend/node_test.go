package endtoend_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// node is an OS process with services: an agent, what exports its reports, and
// a connection to call and serve by.
type node struct {
	*system
	agent   *tracing.Agent
	conn    *amqprpc.Conn
	line    *brokertest.Network // of conn
	reports *brokertest.Network // of the exporter

	ctx       context.Context //nolint:containedctx // the life of the OS process
	end       context.CancelFunc
	running   sync.WaitGroup
	exporting func() // ends it
}

// node starts an OS process.
func (s *system) node(name string, opts ...amqprpc.Option) *node {
	s.Helper()
	n := &node{system: s, line: brokertest.NewNetwork(s.dial), reports: brokertest.NewNetwork(s.dial)}
	n.ctx, n.end = context.WithCancel(s.ctx)
	var err error
	if n.agent, err = tracing.New(tracing.Config{Service: name}); err != nil {
		s.Fatal(err)
	}
	if n.exporting, err = amqpexport.Start(n.ctx, n.agent, amqpexport.Config{URL: s.url, Dial: n.reports.Dial}); err != nil {
		s.Fatal(err)
	}
	cfg := amqprpc.Config{URL: s.url, Dial: n.line.Dial, Agent: n.agent, CallTimeout: time.Minute}
	if n.conn, err = amqprpc.Dial(n.ctx, cfg, opts...); err != nil {
		s.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes = append(s.nodes, n)
	return n
}

// stop ends the OS process in good order.
func (n *node) stop() {
	n.end()
	n.conn.Close()
	n.running.Wait()
	n.exporting()
	n.agent.Close()
}

// kill ends it as SIGKILL does: nobody is told anything.
func (n *node) kill() {
	n.reports.Cut() // first: it is not to tell how the services come to their end
	n.line.Cut()
	n.stop()
}

// serve runs a process that serves a queue of its own name until its OS process
// ends. With a prefetch above 1 its requests can be seen waiting; otherwise they
// wait in the broker.
func (n *node) serve(name string, prefetch int, handle amqprpc.Handler) {
	n.work(name, amqprpc.Server{Queue: name, Prefetch: prefetch, Handler: handle})
}

// work runs a process that serves a queue, which may be that of others too. It
// returns when it does.
func (n *node) work(name string, srv amqprpc.Server, opts ...tracing.ProcessOption) {
	srv.Process = n.agent.Process(name, opts...)
	n.serveAs(srv)
}

func (n *node) serveAs(srv amqprpc.Server) {
	ready := make(chan struct{})
	var once sync.Once
	srv.Queue += n.suffix
	srv.Declare = func(ch *amqp.Channel) error {
		// Not exclusive: the detector counts its messages.
		const durable, autoDelete, exclusive, noWait = true, false, false, false
		_, err := ch.QueueDeclare(srv.Queue, durable, autoDelete, exclusive, noWait, amqp.Table{"x-expires": int32(10_000)})
		once.Do(func() { close(ready) })
		return err
	}
	n.running.Go(func() {
		defer srv.Process.Stop()
		err := n.conn.Serve(n.ctx, srv)
		if n.ctx.Err() == nil && !errors.Is(err, errCrash) {
			n.Errorf("serve %s: %v", srv.Queue, err)
		}
	})
	select {
	case <-ready:
	case <-n.ctx.Done():
	}
}

// errCrash is how a process ends that a test lets crash.
var errCrash = errors.New("crash")

// call asks the process of a name, until ctx ends.
func (n *node) call(ctx context.Context, name, body string) error {
	_, err := n.conn.Call(ctx, amqprpc.Call{Key: name + n.suffix, Body: []byte(body)})
	return err
}

// as returns a context in which a process outside all services calls.
func (n *node) as(name string) context.Context {
	return tracing.WithProcess(n.ctx, n.agent.Process(name))
}

// does makes a handler of a function that says nothing.
func does(f func(ctx context.Context) error) amqprpc.Handler {
	return func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) { return nil, f(ctx) }
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

// publish sends a request by the hand of somebody who is no part of a node,
// with the call chain that is in ctx. Its reply goes nowhere.
func (n *node) publish(ctx context.Context, whom, reply string) {
	headers := make(headers)
	tracing.Propagator{}.Inject(ctx, headers)
	n.raw("", whom+n.suffix, amqp.Publishing{Headers: amqp.Table(headers), CorrelationId: reply, ReplyTo: "nobody" + n.suffix})
}

// raw publishes on a connection of its own.
func (s *system) raw(exchange, key string, messages ...amqp.Publishing) {
	s.Helper()
	conn, err := amqp.DialConfig(s.url, amqp.Config{Dial: s.dial})
	if err != nil {
		s.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		s.Fatal(err)
	}
	for _, m := range messages {
		if err := ch.Publish(exchange, key, false, false, m); err != nil {
			s.Fatal(err)
		}
	}
}

// headers carries a call chain.
type headers amqp.Table

func (h headers) Get(key string) string { text, _ := h[key].(string); return text }
func (h headers) Set(key, value string) { h[key] = value }
func (h headers) Keys() []string        { return nil }
