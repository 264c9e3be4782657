package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Node is a member of a cluster. Its methods may be called from many
// goroutines.
type Node struct {
	cfg  Config
	conn *amqprpc.Conn
	stop context.CancelFunc

	running  sync.WaitGroup // all goroutines of the node but those of its processes
	hosting  sync.WaitGroup // those of its processes
	announce chan struct{}  // has room for one: what the node has changed
	over     chan struct{}  // closed when the node stops
	stopOnce sync.Once

	mu          sync.Mutex
	roster      roster
	self        announcement // what the node has; its maps are replaced, never modified
	changed     chan struct{}
	stopped     bool
	processes   map[string]*Process
	names       map[string]*Process // who has, or is just about to have, which registered name
	services    map[string]*Service
	values      map[string]map[string]value // copies, by group and key, of groups with members here
	incarnation uint64                      // the latest that was given out
}

// Start makes a node join its cluster and returns when it has. It fails with
// ErrTaken if a node of that name is up. ctx bounds the start alone; Stop ends
// the node.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	cfg = cfg.withDefaults()
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{
		URL: cfg.URL, Dial: cfg.Dial, Name: cfg.object(cfg.Node), Agent: cfg.Agent, CallTimeout: cfg.CallTimeout, Log: cfg.Log,
	}, amqprpc.WithTracerProvider(cfg.TracerProvider))
	if err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	n := &Node{
		cfg: cfg, conn: conn, stop: stop, announce: make(chan struct{}, 1), over: make(chan struct{}),
		roster: newRoster(), self: announcement{Node: cfg.Node}, changed: make(chan struct{}),
		processes: make(map[string]*Process), names: make(map[string]*Process), services: make(map[string]*Service), values: make(map[string]map[string]value),
	}
	outcome := make(chan error, 1)
	n.running.Go(func() { n.run(life, outcome) })
	select {
	case err = <-outcome:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		n.Stop()
		return nil, fmt.Errorf("start node %s: %w", cfg.Node, err)
	}
	return n, nil
}

// Stop ends the node's processes and leaves the cluster. It returns when nothing
// of the node runs any more.
func (n *Node) Stop() {
	n.mu.Lock()
	n.stopped = true
	processes := slices.Collect(maps.Values(n.processes))
	n.mu.Unlock()
	for _, p := range processes {
		p.Stop()
	}
	n.hosting.Wait()
	n.stopOnce.Do(func() { close(n.over) })
	n.stop()
	n.running.Wait()
	n.conn.Close()
}

// Name returns the node's name.
func (n *Node) Name() string { return n.cfg.Node }

// Nodes returns the names of the nodes that are up as far as this one knows, in
// order: all nodes list the same ones, but for as long as a message takes.
func (n *Node) Nodes() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.roster.nodes()
}

// run is one stay in the cluster after the other. The outcome of the first is
// told as soon as the node has joined, or is refused.
func (n *Node) run(ctx context.Context, outcome chan<- error) {
	first := true
	for ctx.Err() == nil {
		err := n.conn.Channel(ctx, func(ctx context.Context, ch *amqp.Channel) error {
			return n.stay(ctx, ch, func() {
				if first {
					first = false
					outcome <- nil
				}
			})
		})
		n.forget()
		if refused := new(amqp.Error); first && errors.As(err, &refused) && refused.Code == amqp.ResourceLocked {
			outcome <- ErrTaken
			return
		}
		if ctx.Err() == nil {
			n.cfg.Log.WarnContext(ctx, "node is out of the cluster", "node", n.cfg.Node, "error", err)
			_ = pause.For(ctx, again) // the loop looks at ctx
		}
	}
}

// stay is one stay in the cluster, from taking the node's name to losing it.
func (n *Node) stay(ctx context.Context, ch *amqp.Channel, joined func()) error {
	const durable, autoDelete, exclusive, noWait = false, false, true, false
	queue := n.cfg.object("node", n.cfg.Node)
	if _, err := ch.QueueDeclare(queue, durable, autoDelete, exclusive, noWait, nil); err != nil {
		return fmt.Errorf("take the node's name: %w", err)
	}
	inbox, err := n.subscribe(ch)
	if err != nil {
		return err
	}
	// Who watched the former stay learns of its end before this one begins.
	if err := n.take(ctx, ch, n.cfg.object("alive", n.cfg.Node), func() {}); err != nil {
		return err
	}
	ctx, leave := context.WithCancelCause(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer leave(nil)
	parts.Go(func() { leave(n.serveOps(ctx, queue)) })
	n.begin()
	n.reclaim(ctx)
	parts.Go(func() { n.resync(ctx) })
	parts.Go(func() { leave(n.publish(ctx)) })
	joined()
	n.receive(ctx, inbox, &parts)
	return context.Cause(ctx)
}

// begin makes the node a member in its own eyes, for a stay of its own.
func (n *Node) begin() {
	n.change(func(self *announcement) {
		n.roster.end(self.Node)
		self.Stay = max(1, rand.Uint64())
	})
}

// forget is the end of a stay: without the broker the node knows
// nobody else.
func (n *Node) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.roster.forgetAllBut(n.cfg.Node)
	n.news()
}

// change changes what the node has, and announces it.
func (n *Node) change(f func(self *announcement)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.changeLocked(f)
}

func (n *Node) changeLocked(f func(self *announcement)) {
	f(&n.self)
	n.self.Seq++
	n.roster.hear(n.self)
	n.news()
	select {
	case n.announce <- struct{}{}:
	default:
	}
}

// news wakes all who wait for something in the roster. The lock must be held.
func (n *Node) news() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// nextIncarnation returns a number that is higher than all before, on this node
// and, if clocks agree, on others. The lock must be held.
func (n *Node) nextIncarnation() uint64 {
	n.incarnation = max(n.incarnation+1, uint64(time.Now().UnixNano())) //nolint:gosec // after 1970
	return n.incarnation
}

// incarnate is nextIncarnation for those who do not hold the lock.
func (n *Node) incarnate() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nextIncarnation()
}

// until waits until a condition holds of the roster. The condition is called
// with the lock held.
func (n *Node) until(ctx context.Context, holds func(*roster) bool) error {
	for {
		n.mu.Lock()
		ok, changed := holds(&n.roster), n.changed
		n.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.over:
			return ErrStopped
		}
	}
}

// whilst returns a context that ends with the given cause once a condition no
// longer holds of the roster.
func (n *Node) whilst(ctx context.Context, cause error, holds func(*roster) bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		if n.until(ctx, func(r *roster) bool { return !holds(r) }) == nil {
			cancel(cause)
		}
	}()
	return ctx, func() { cancel(nil) }
}
