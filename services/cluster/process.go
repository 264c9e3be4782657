package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

const (
	// mailbox is how many requests a process takes up ahead of the one it
	// works on.
	mailbox = 256
	// farewell is how long the end of a process may take to tell the broker.
	farewell = time.Second
)

// Handler serves one request to a process. An error goes to the caller; a panic
// ends the process.
type Handler func(ctx context.Context, p *Process, body []byte) ([]byte, error)

// Process serves one request at a time, from a mailbox at (name, node). It lives
// until Stop, a panic, the end of a linked process, or the loss of a registered
// name to another. With it go its locks, names and memberships. Its methods may
// be called from many goroutines.
type Process struct {
	node    *Node
	pid     PID
	traced  *tracing.Process
	handler Handler
	end     context.CancelCauseFunc
	ended   chan struct{} // closed when nothing of the process is left

	mu    sync.Mutex
	cause error            // why it ended; nil while it lives
	locks map[string]*Lock // by queue; nil for one that it waits for
}

// Spawn starts a process on this node and returns when it can be asked. It fails
// with ErrTaken if the node has one of that name. ctx bounds the start alone.
func (n *Node) Spawn(ctx context.Context, name string, handler Handler) (*Process, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("spawn: %w", err)
	}
	life, end := context.WithCancelCause(context.Background())
	p := &Process{node: n, handler: handler, end: end, ended: make(chan struct{}), locks: make(map[string]*Lock)}
	if err := n.enlist(p, name); err != nil {
		end(nil)
		return nil, fmt.Errorf("spawn %s: %w", name, err)
	}
	ready := make(chan struct{})
	go func() {
		defer n.hosting.Done()
		p.run(life, sync.OnceFunc(func() { close(ready) }))
	}()
	select {
	case <-ready:
	case <-ctx.Done():
		end(context.Cause(ctx))
		<-p.ended
	case <-p.ended:
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("spawn %s: %w", name, err)
	}
	n.change(func(self *announcement) {
		if n.processes[name] == p {
			self.Processes = with(self.Processes, name, p.pid.Incarnation)
		}
	})
	return p, nil
}

func (n *Node) enlist(p *Process, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.stopped:
		return fmt.Errorf("%w: node %s", ErrStopped, n.cfg.Node)
	case n.processes[name] != nil:
		return fmt.Errorf("%w on %s", ErrTaken, n.cfg.Node)
	}
	p.pid = PID{Address{name, n.cfg.Node}, n.nextIncarnation()}
	p.traced = n.cfg.Agent.Process(p.pid.String())
	n.processes[name] = p
	n.hosting.Add(1)
	return nil
}

// PID returns what tells this life of the process from all others.
func (p *Process) PID() PID { return p.pid }

// Stop ends the process and returns when it has ended: after the request that it
// works on, whose context ends.
func (p *Process) Stop() {
	p.end(fmt.Errorf("%w: process %s", ErrStopped, p.pid))
	<-p.ended
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err returns why the process ended, nil while it lives.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause
}

func (p *Process) run(ctx context.Context, ready func()) {
	defer close(p.ended)
	cause := p.serve(ctx, ready)
	p.end(cause)
	if panicked := new(amqprpc.PanicError); errors.As(cause, &panicked) {
		p.traced.Crash()
	} else {
		p.traced.Stop()
	}
	p.mu.Lock()
	p.cause = cause
	locks := p.locks
	p.locks = nil
	p.mu.Unlock()
	for _, l := range locks {
		if l != nil {
			l.token.release()
		}
	}
	p.node.delist(p)
}

// serve serves the mailbox until the process ends.
func (p *Process) serve(ctx context.Context, ready func()) error {
	queue := p.node.cfg.object("process", p.pid.Node, p.pid.Name)
	for {
		err := p.node.conn.Serve(ctx, amqprpc.Server{
			Queue: queue, Process: p.traced, Prefetch: mailbox,
			Declare: func(ch *amqp.Channel) error {
				const durable, autoDelete, exclusive, noWait = false, true, true, false
				_, err := ch.QueueDeclare(queue, durable, autoDelete, exclusive, noWait, nil)
				if err == nil {
					ready()
				}
				return err
			},
			Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				reply, err := p.handler(ctx, p, r.Body)
				return reply, outbound(err)
			},
		})
		// The name is the node's own: at most a connection of ours that the
		// broker takes to be alive still holds it.
		if !errors.Is(err, amqprpc.ErrTaken) || pause.For(ctx, again) != nil {
			return err
		}
	}
}

// delist takes all that a process has out of what the node has.
func (n *Node) delist(p *Process) {
	n.mu.Lock()
	delete(n.processes, p.pid.Name)
	var registered []string
	n.changeLocked(func(self *announcement) {
		self.Processes = without(self.Processes, p.pid.Name)
		for name, owner := range n.names {
			if owner == p {
				registered = append(registered, name)
				delete(n.names, name)
				self.Names = without(self.Names, name)
			}
		}
		for group, members := range self.Groups {
			self.Groups = with(self.Groups, group, remove(members, p.pid.Name))
		}
	})
	n.dropValues()
	n.mu.Unlock()
	ctx, done := context.WithTimeout(context.Background(), farewell)
	defer done()
	for _, name := range registered {
		if err := n.free(ctx, name); err != nil {
			n.cfg.Log.WarnContext(ctx, "free the name of a process that ended", "name", name, "error", err)
		}
	}
}

// Ask sends a request to a process and waits for the answer: up to the node's
// CallTimeout, which ends it with amqprpc.ErrTimeout, until ctx ends, or until
// the process or its node does.
func (n *Node) Ask(ctx context.Context, to Address, body []byte) ([]byte, error) {
	for _, name := range []string{to.Name, to.Node} {
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("ask: %w", err)
		}
	}
	ctx, done := n.whileUp(ctx, to.Node, fmt.Errorf("%w: %s", ErrNodeDown, to.Node))
	defer done()
	ctx, done = n.whileAlive(ctx, to)
	defer done()
	reply, err := n.conn.Call(ctx, amqprpc.Call{Key: n.cfg.object("process", to.Node, to.Name), Body: body})
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", to, inbound(err, ErrNoProcess))
	}
	return reply.Body, nil
}

// whileAlive returns a context that ends when a process does, from when on it is
// known. The end of its node is not its affair.
func (n *Node) whileAlive(ctx context.Context, to Address) (context.Context, context.CancelFunc) {
	n.mu.Lock()
	known := n.roster.incarnation(to)
	n.mu.Unlock()
	return n.whilst(ctx, ErrNoProcess, func(r *roster) bool {
		now := r.incarnation(to)
		if known == 0 {
			known = now
		}
		return now == known || !r.up(to.Node)
	})
}

// Ask is Node.Ask in the name of this process, which waits.
func (p *Process) Ask(ctx context.Context, to Address, body []byte) ([]byte, error) {
	return p.node.Ask(p.as(ctx), to, body)
}

// as returns a context in which the process is the one that waits. That of a
// request which the process handles says so already, and more.
func (p *Process) as(ctx context.Context) context.Context {
	if tracing.ProcessFrom(ctx) == p.traced {
		return ctx
	}
	return tracing.WithProcess(ctx, p.traced)
}

// with returns a copy of a map with one more entry.
func with[V any](m map[string]V, key string, v V) map[string]V {
	m = maps.Clone(m)
	if m == nil {
		m = make(map[string]V)
	}
	m[key] = v
	return m
}

// without returns a copy of a map with one entry less.
func without[V any](m map[string]V, key string) map[string]V {
	m = maps.Clone(m)
	delete(m, key)
	return m
}
