package amqprpc_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// pair is an actor and a friend who, when the actor asks him for something, asks
// it back.
type pair struct {
	w             *world
	conn          *amqprpc.Conn
	agent         *tracing.Agent
	actor, friend string
	server        *service
}

// newPair starts both, who wait for each other until the timeout. What the actor
// does about being asked back is up to back.
func newPair(w *world, agent *tracing.Agent, timeout time.Duration, srv amqprpc.Server, back amqprpc.Handler) *pair {
	p := &pair{w: w, conn: w.connect(w.observed(agent)), agent: agent, actor: w.queue("actor"), friend: w.queue("friend")}
	ask := func(ctx context.Context, queue, body string) ([]byte, error) {
		reply, err := p.conn.Call(ctx, amqprpc.Call{Key: queue, Body: []byte(body), Timeout: timeout})
		return reply.Body, err
	}
	w.serve(p.conn, amqprpc.Server{Queue: p.friend, Process: agent.Process("friend"), Handler: func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
		return ask(ctx, p.actor, "back")
	}})
	srv.Queue = p.actor
	srv.Handler = func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
		switch string(r.Body) {
		case "go":
			return ask(ctx, p.friend, "")
		case "back":
			return back(ctx, r)
		}
		return r.Body, nil
	}
	p.server = w.serve(p.conn, srv)
	return p
}

// ask asks the actor for something, for as long as it takes.
func (p *pair) ask(ctx context.Context, body string) (string, error) {
	reply, err := p.conn.Call(ctx, amqprpc.Call{Key: p.actor, Body: []byte(body), Timeout: -1})
	return string(reply.Body), err
}

// A reentrant process serves requests of its own call chain while it waits; those
// of others wait.
func TestReentrantServesItsOwnChain(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		var p *pair
		var other sync.WaitGroup
		var mu sync.Mutex
		var order []string
		say := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, what)
		}
		received := make(chan struct{}, 10)
		srv := amqprpc.Server{
			Process: agent.Process("actor", tracing.Reentrant()), Prefetch: 10,
			Received: func(*amqprpc.Request) { received <- struct{}{} },
		}
		p = newPair(w, agent, -1, srv, func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
			<-received // what is asked
			<-received // what is asked back
			other.Go(func() {
				if body, err := p.ask(w.Context(), "other"); body != "other" || err != nil {
					w.Errorf("another one: %q, %v", body, err)
				}
				say("other")
			})
			<-received
			say("back")
			return []byte(tracing.ProcessFrom(ctx).Name()), nil
		})
		if body, err := p.ask(w.Context(), "go"); body != "actor/1" || err != nil {
			w.Errorf("%q, %v", body, err)
		}
		other.Wait()
		if !slices.Equal(order, []string{"back", "other"}) {
			w.Errorf("first %q", order)
		}
		if s := agent.Stats(); s.Breaches != 0 || s.Closed != 0 {
			w.Errorf("%+v", s)
		}
		w.until("the process for that is gone", func() bool {
			reported(agent)
			return agent.Stats().Processes == 2
		})
	})
}

// A process that is not reentrant, takes nothing ahead, or has no agent waits for
// itself.
func TestNotReentrant(t *testing.T) {
	for name, build := range map[string]func(w *world) (*tracing.Agent, amqprpc.Server){
		"plain": func(w *world) (*tracing.Agent, amqprpc.Server) {
			agent := newAgent(w)
			return agent, amqprpc.Server{Prefetch: 10, Process: agent.Process("actor")}
		},
		"takes nothing ahead": func(w *world) (*tracing.Agent, amqprpc.Server) {
			agent := newAgent(w)
			return agent, amqprpc.Server{Process: agent.Process("actor", tracing.Reentrant())}
		},
		"no agent": func(*world) (*tracing.Agent, amqprpc.Server) {
			return nil, amqprpc.Server{Prefetch: 10}
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				agent, srv := build(w)
				p := newPair(w, agent, w.timeout, srv, echo)
				if body, err := p.ask(w.Context(), "go"); err == nil {
					w.Errorf("answered %q", body)
				}
			})
		})
	}
}

// A request of its own call chain that crashes takes nobody along.
func TestReentrantCrash(t *testing.T) {
	for name, crash := range map[string]func() error{
		"returned": func() error { return amqprpc.Crash(errBroken) },
		"panic":    func() error { panic(errBroken) },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				agent := newAgent(w)
				srv := amqprpc.Server{Process: agent.Process("actor", tracing.Reentrant()), Prefetch: 10}
				p := newPair(w, agent, w.timeout, srv, func(context.Context, *amqprpc.Request) ([]byte, error) { return nil, crash() })
				remote := new(amqprpc.RemoteError)
				if _, err := p.ask(w.Context(), "go"); !errors.As(err, &remote) && !errors.Is(err, amqprpc.ErrTimeout) {
					w.Errorf("while it crashes: %v", err)
				}
				if body, err := p.ask(w.Context(), "again"); body != "again" || err != nil {
					w.Errorf("afterwards: %q, %v", body, err)
				}
			})
		})
	}
}

// What a request of its own call chain does after an early answer is still seen
// to be done by the process that is there for it.
func TestReentrantEarlyAnswer(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		waited := make(chan string, 1)
		srv := amqprpc.Server{Process: agent.Process("actor", tracing.Reentrant()), Prefetch: 10}
		p := newPair(w, agent, -1, srv, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if err := r.Reply(ctx, nil); err != nil {
				return nil, err
			}
			wait := agent.Block(ctx, tracing.All, tracing.Wait{Kind: report.Lock, Resource: "lock"})
			defer wait.End(report.Granted)
			b := agent.Answer(report.Question{Round: 1, Everything: true})
			for _, s := range b.States {
				if len(s.Waits) > 0 && s.Waits[0].Resource == "lock" {
					waited <- s.Key.Process
				}
			}
			return nil, nil
		})
		if _, err := p.ask(w.Context(), "go"); err != nil {
			w.Error(err)
		}
		if got := <-waited; got != "actor/1" {
			w.Errorf("%s waits", got)
		}
	})
}

// A server that ends waits for what is handled while its process waits.
func TestReentrantEnd(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		begun, ended := make(chan struct{}), make(chan struct{}, 1)
		srv := amqprpc.Server{Process: agent.Process("actor", tracing.Reentrant()), Prefetch: 10}
		p := newPair(w, agent, w.timeout, srv, func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
			close(begun)
			<-ctx.Done()
			time.Sleep(50 * time.Millisecond)
			ended <- struct{}{}
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithCancel(w.Context())
		var asked sync.WaitGroup
		asked.Go(func() { _, _ = p.ask(ctx, "go") })
		<-begun
		if err := p.server.stop(); !errors.Is(err, context.Canceled) {
			w.Error(err)
		}
		select {
		case <-ended:
		default:
			w.Error("it ends before that")
		}
		cancel()
		asked.Wait()
	})
}
