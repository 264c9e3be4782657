package sidecar

import (
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// broker says how to reach one.
type broker struct {
	url  string
	dial func(network, addr string) (net.Conn, error)
}

// onEachBroker runs a test on the embedded broker, in a bubble, and on RabbitMQ.
func onEachBroker(t *testing.T, test func(t *testing.T, b broker)) {
	t.Run("embedded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, embedded(t)) })
	})
	t.Run("rabbitmq", func(t *testing.T) {
		url := os.Getenv("AMQP_URL")
		if url == "" {
			t.Skip("AMQP_URL is not set")
		}
		test(t, broker{url: url})
	})
}

func embedded(t *testing.T) broker {
	b := minibroker.New()
	t.Cleanup(func() { b.Close() })
	return broker{"amqp://guest:guest@embedded/", b.Dial}
}

// agent is an agent that says what the test wants.
type agent struct {
	id report.Agent
	ch *amqp.Channel

	cycles uint64

	mu     sync.Mutex
	states []report.State
	beats  uint64
}

// newAgent returns an agent that answers questions until the test ends.
func newAgent(t testing.TB, b broker) *agent {
	t.Helper()
	c, err := amqp.DialConfig(b.url, amqp.Config{Dial: b.dial})
	if err != nil {
		t.Fatalf("reach the broker: %v", err)
	}
	a := &agent{id: report.Agent{Name: "sidecar-test", Incarnation: uint64(time.Now().UnixNano())}}
	if a.ch, err = c.Channel(); err != nil {
		t.Fatal(err)
	}
	queue := wire.QuestionQueue(a.id)
	if _, err := a.ch.QueueDeclare(queue, false, true, true, false, nil); err != nil {
		t.Fatal(err)
	}
	questions, err := a.ch.Consume(queue, "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for d := range questions {
			if q, err := wire.DecodeQuestion(d.Body); err == nil {
				a.publish(t, "", d.ReplyTo, &report.Answer{Round: q.Round})
			}
		}
	}()
	t.Cleanup(func() { c.Close(); <-ended })
	return a
}

// report makes states the present ones, and reports them.
func (a *agent) report(t testing.TB, states ...report.State) {
	t.Helper()
	a.mu.Lock()
	a.states = states
	a.mu.Unlock()
	a.publish(t, wire.Exchange, wire.ReportKey("test"), nil)
}

// beat repeats what has been reported, as agents do, until it is told to fall
// silent.
func (a *agent) beat(t testing.TB) (silence func()) {
	end := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		for {
			select {
			case <-time.After(100 * time.Millisecond):
				a.publish(t, wire.Exchange, wire.ReportKey("test"), nil)
			case <-end:
				return
			}
		}
	})
	return func() {
		close(end)
		beating.Wait()
	}
}

// publish sends a batch of all there is to say.
func (a *agent) publish(t testing.TB, exchange, key string, answer *report.Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.beats++
	b := &report.Batch{
		Agent: a.id, Service: "test", States: a.states, Answer: answer,
		Heartbeat: &report.Heartbeat{Seq: a.beats, Complete: true},
	}
	for _, s := range a.states {
		if len(s.Waits) > 0 {
			b.Heartbeat.Digest.Add(s.Key, s.Epoch, s.Seq)
		}
	}
	data, err := wire.EncodeBatch(time.Now(), b)
	if err != nil {
		t.Error(err)
		return
	}
	if err := a.ch.PublishWithContext(t.Context(), exchange, key, false, false, amqp.Publishing{Body: data}); err != nil {
		t.Error(err)
	}
}

// cycle returns the states of two processes that wait for each other, each
// time two others.
func (a *agent) cycle(timeout time.Duration) []report.State {
	a.cycles++
	return []report.State{a.blocked("p", "r1", "r2", timeout), a.blocked("q", "r2", "r1", timeout)}
}

func (a *agent) blocked(process, on, holds string, timeout time.Duration) report.State {
	name := func(r string) report.Resource { return report.Resource(fmt.Sprint(a.id, "/", a.cycles, r)) }
	return report.State{
		Key: report.Key{Agent: a.id, Process: process, Activation: a.cycles}, Epoch: a.cycles, Seq: 1, Need: 1,
		Waits: []report.Wait{{Resource: name(on), Kind: report.Reply, Since: time.Now(), Deadline: time.Now().Add(timeout)}},
		Holds: []report.Hold{{Resource: name(holds), Kind: report.Reply}},
	}
}
