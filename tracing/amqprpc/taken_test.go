package amqprpc_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// request sends a request of somebody who has an agent and waits for the reply of
// that number. It returns the reply's name.
func (w *world) request(queue string, number int) (reply string) {
	w.Helper()
	reply = fmt.Sprintf("client#1/%d", number)
	w.onChannel(func(ch *amqp.Channel) error {
		return ch.Publish("", queue, false, false, amqp.Publishing{CorrelationId: reply, ReplyTo: w.queue("nobody")})
	})
	return reply
}

// taken reports whether the agent says that it has or had the request.
func taken(agent *tracing.Agent, reply string) bool {
	b := agent.Answer(report.Question{Round: 1, Replies: []report.Resource{report.Resource(reply)}})
	return len(b.Answer.Taken) > 0
}

// muted returns cfg with connections on which nothing can be sent once mute is set.
func (w *world) muted(cfg amqprpc.Config) (_ amqprpc.Config, mute *atomic.Bool) {
	cfg, network := w.through(cfg)
	mute = new(atomic.Bool)
	cfg.Dial = func(protocol, addr string) (net.Conn, error) {
		conn, err := network.Dial(protocol, addr)
		return &muteConn{Conn: conn, mute: mute}, err
	}
	return cfg, mute
}

type muteConn struct {
	net.Conn
	mute *atomic.Bool
}

func (c *muteConn) Write(p []byte) (int, error) {
	if c.mute.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// A server that has to end has what it works on until it is done with that,
// whatever is delivered meanwhile, and begins nothing more.
func TestStoppedServerOwesUntilItsChannelIsClosed(t *testing.T) {
	everywhere(t, func(w *world) {
		for range 5 { // which of the end and a request comes first is chance
			stopMeanwhile(w)
		}
	})
}

func stopMeanwhile(w *world) {
	const more = 10
	agent, queue := newAgent(w), w.queue(rand.Text())
	received, begun, release := make(chan struct{}, 1+more), make(chan struct{}, 1+more), make(chan struct{})
	s := w.serve(w.connect(w.observed(agent)), amqprpc.Server{
		Queue: queue, Declare: shared(queue), Prefetch: 1 + more,
		Received: func(*amqprpc.Request) { received <- struct{}{} },
		Handler: func(context.Context, *amqprpc.Request) ([]byte, error) {
			begun <- struct{}{}
			<-release
			return nil, nil
		},
	})
	finish := sync.OnceFunc(func() { close(release) })
	w.Cleanup(finish)
	first := w.request(queue, 0)
	w.until("it works", func() bool { return len(begun) == 1 })
	s.cancel()
	var last string
	for i := range more {
		last = w.request(queue, 1+i)
	}
	w.until("all are delivered", func() bool { return len(received) == 1+more })
	if !taken(agent, first) {
		w.Error("it does not own up to the request that it works on")
	}
	finish()
	_ = s.stop()
	if n := len(begun); n > 1 || !taken(agent, first) || taken(agent, last) {
		w.Errorf("it worked on %d; it took the first: %t, and the last: %t", n, taken(agent, first), taken(agent, last))
	}
}

// What nobody answers is back in its queue if it cannot be acknowledged.
func TestUnacknowledgedIsNotTaken(t *testing.T) {
	for name, end := range map[string]error{"no answer": amqprpc.ErrNoAnswer, "crash": amqprpc.Crash(errBroken)} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				agent, queue := newAgent(w), w.queue("q")
				cfg, mute := w.muted(w.observed(agent))
				begun, release := make(chan struct{}), make(chan struct{})
				w.serve(w.connect(cfg), amqprpc.Server{
					Queue: queue, Declare: shared(queue),
					Handler: func(context.Context, *amqprpc.Request) ([]byte, error) {
						close(begun)
						<-release
						return nil, end
					},
				})
				reply := w.request(queue, 1)
				<-begun
				if !taken(agent, reply) {
					w.Error("the agent does not own up to it")
				}
				mute.Store(true)
				close(release)
				w.until("it is not taken", func() bool { return !taken(agent, reply) })
			})
		})
	}
}

// A reply that fails leaves its caller without one: the request stays taken for
// good if it is acknowledged, and goes back if it is not.
func TestReplyThatFailsIsNoAnswer(t *testing.T) {
	for name, gives := range map[string]bool{"acknowledged": false, "given back": true} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				if w.Embedded == nil {
					w.Skip("takes as long as answered requests are remembered")
				}
				agent, queue := newAgent(w), w.queue("q")
				conn, failed := w.connect(w.observed(agent)), make(chan error, 1)
				s := w.serve(conn, amqprpc.Server{
					Queue: queue, Declare: shared(queue),
					Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
						w.Embedded.Block()
						_ = conn.Send(ctx, amqprpc.Message{Key: w.queue("nobody")}) // upon which the broker complains
						synctest.Wait()
						over, cancel := context.WithCancel(ctx)
						cancel()
						failed <- r.Reply(over, nil)
						if gives {
							<-ctx.Done()
						}
						return nil, ctx.Err()
					},
				})
				reply := w.request(queue, 1)
				if err := <-failed; !errors.Is(err, context.Canceled) {
					w.Fatal(err)
				}
				time.Sleep(time.Second)
				_ = s.stop()
				time.Sleep(time.Minute)
				if taken(agent, reply) == gives {
					w.Errorf("the agent says that it was taken: %t", gives)
				}
			})
		})
	}
}

// What a process that crashes had before it lies in its queue again, and was not
// taken. What it worked on was.
func TestCrashGivesBackWhatWasNotBegun(t *testing.T) {
	for _, prefetch := range []int{1, 10} {
		t.Run(fmt.Sprintf("prefetch=%d", prefetch), func(t *testing.T) {
			everywhere(t, func(w *world) {
				agent, queue := newAgent(w), w.queue("q")
				received, crash := make(chan struct{}, 10), make(chan struct{})
				s := w.serve(w.connect(w.observed(agent)), amqprpc.Server{
					Queue: queue, Declare: shared(queue), Prefetch: prefetch,
					Received: func(*amqprpc.Request) { received <- struct{}{} },
					Handler: func(context.Context, *amqprpc.Request) ([]byte, error) {
						<-crash
						return nil, amqprpc.Crash(errBroken)
					},
				})
				first, second := w.request(queue, 1), w.request(queue, 2)
				for range min(2, prefetch) {
					<-received
				}
				close(crash)
				if err := <-s.done; !errors.Is(err, errBroken) {
					w.Error(err)
				}
				s.done <- nil
				w.until("the second is ready", func() (ready bool) {
					w.onChannel(func(ch *amqp.Channel) error {
						q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
						ready = q.Messages == 1
						return err
					})
					return ready
				})
				if !taken(agent, first) || taken(agent, second) {
					w.Errorf("the first was taken: %t, the second: %t", taken(agent, first), taken(agent, second))
				}
			})
		})
	}
}
