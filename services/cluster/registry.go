package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Register gives the process a name that no other in the cluster has, or fails
// with ErrTaken. The name is the process's own when Register returns, and the
// other nodes know of it as soon as they have received the announcement.
//
// A node that loses its connection loses its names, and claims them again. The
// process of a name that another has taken by then ends, with ErrTaken.
func (p *Process) Register(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if err := p.node.register(ctx, name, p); err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	return nil
}

func (n *Node) register(ctx context.Context, name string, p *Process) error {
	n.mu.Lock()
	if n.names[name] != nil { // the broker would not refuse: the connection is the same
		n.mu.Unlock()
		return ErrTaken
	}
	n.names[name] = p
	n.mu.Unlock()
	for {
		stay := n.stayOf(n.cfg.Node)
		err := n.claim(ctx, name)
		if err == nil && n.confirm(name, p, stay) {
			return nil
		}
		if err != nil && !errors.Is(err, amqprpc.ErrConnectionLost) {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.names[name] == p {
				delete(n.names, name)
			}
			return err
		}
		if p.Err() != nil {
			return ErrStopped
		}
		_ = pause.For(ctx, again) // claim fails if ctx has ended
	}
}

// confirm announces a name that was claimed, unless the claim was lost with its
// connection.
func (n *Node) confirm(name string, p *Process, stay uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.self.Stay != stay || n.names[name] != p {
		return false
	}
	n.changeLocked(func(self *announcement) {
		self.Names = with(self.Names, name, claim{p.pid.Name, n.nextIncarnation()})
	})
	return true
}

// claim takes a name: an exclusive queue, which the broker refuses to every
// other connection.
func (n *Node) claim(ctx context.Context, name string) error {
	return n.conn.Channel(ctx, func(_ context.Context, ch *amqp.Channel) error {
		const durable, autoDelete, exclusive, noWait = false, false, true, false
		_, err := ch.QueueDeclare(n.cfg.object("name", name), durable, autoDelete, exclusive, noWait, nil)
		if refused := new(amqp.Error); errors.As(err, &refused) && refused.Code == amqp.ResourceLocked {
			return ErrTaken
		}
		return err
	})
}

// free gives a name to whoever claims it next.
func (n *Node) free(ctx context.Context, name string) error {
	err := n.conn.Channel(ctx, func(_ context.Context, ch *amqp.Channel) error {
		const ifUnused, ifEmpty, noWait = false, false, false
		_, err := ch.QueueDelete(n.cfg.object("name", name), ifUnused, ifEmpty, noWait)
		return err
	})
	if errors.Is(err, amqprpc.ErrConnectionLost) {
		return nil // and the name with it
	}
	return err
}

// Unregister gives up a name of the process, or fails with ErrNotRegistered.
func (p *Process) Unregister(ctx context.Context, name string) error {
	n := p.node
	n.mu.Lock()
	if _, registered := n.self.Names[name]; !registered || n.names[name] != p {
		n.mu.Unlock()
		return fmt.Errorf("unregister %q: %w", name, ErrNotRegistered)
	}
	n.changeLocked(func(self *announcement) { self.Names = without(self.Names, name) })
	n.mu.Unlock()
	err := n.free(ctx, name)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.names[name] == p {
		delete(n.names, name)
	}
	if err != nil {
		return fmt.Errorf("unregister %s: %w", name, err)
	}
	return nil
}

// WhereIs returns the process of a registered name, as far as this node knows.
func (n *Node) WhereIs(name string) (PID, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, known := n.roster.names()[name]
	return p, known
}

// Names returns all registered names, as far as this node knows.
func (n *Node) Names() map[string]PID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.roster.names()
}

// reclaims is how often a node claims a name again that the broker has not yet
// taken from the node's former connection.
const reclaims = 10

// reclaim takes the names again that were lost with the former connection. A
// process whose name has been taken by another ends.
func (n *Node) reclaim(ctx context.Context) {
	n.mu.Lock()
	names := n.self.Names
	n.mu.Unlock()
	for name := range names {
		if !errors.Is(n.claimAgain(ctx, name), ErrTaken) {
			continue
		}
		n.mu.Lock()
		p := n.names[name]
		delete(n.names, name)
		n.changeLocked(func(self *announcement) { self.Names = without(self.Names, name) })
		n.mu.Unlock()
		if p != nil {
			n.cfg.Log.WarnContext(ctx, "name conflict, ending process", "name", name, "process", p.pid.String())
			p.end(fmt.Errorf("name %s: %w", name, ErrTaken))
		}
	}
}

func (n *Node) claimAgain(ctx context.Context, name string) (err error) {
	for range reclaims {
		if err = n.claim(ctx, name); !errors.Is(err, ErrTaken) {
			return err
		}
		if err := pause.For(ctx, time.Second/reclaims); err != nil {
			return err
		}
	}
	return err
}
