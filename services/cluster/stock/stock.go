package stock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// group is that of all clerks; its values are what is on the shelves.
const group = "clerks"

// ErrShort says that there is not as much on the shelf as was to be moved.
var ErrShort = errors.New("not enough on the shelf")

// Config describes a clerk.
type Config struct {
	Node *cluster.Node
	Name string
	// Careful makes him take locks in order, and ask nobody while he holds one.
	Careful bool
	// Timeout is how long he waits for a lock before he crashes; the node's
	// CallTimeout is how long he waits for others.
	Timeout time.Duration
	// Work is what he does at the first shelf before he needs anything else. It
	// returns at the latest when ctx ends. Nil: nothing.
	Work  func(ctx context.Context)
	Hooks Hooks
}

// Hooks tell of what clerks do. What they wait for is a lock or another clerk.
type Hooks = hooks.Hooks

// Run keeps a clerk at work until ctx ends, or the clerk cannot be replaced.
func Run(ctx context.Context, cfg Config) error {
	cfg.Hooks = cfg.Hooks.Filled()
	c := clerk{cfg}
	if err := cfg.Node.CreateGroup(ctx, group); err != nil {
		return fmt.Errorf("run clerk %s: %w", cfg.Name, err)
	}
	for {
		p, err := cfg.Node.Spawn(ctx, cfg.Name, c.serve)
		if err != nil {
			return fmt.Errorf("run clerk %s: %w", cfg.Name, err)
		}
		if err := p.Join(ctx, group); err != nil {
			p.Stop()
			return fmt.Errorf("run clerk %s: %w", cfg.Name, err)
		}
		c.Hooks.Started(p.PID().String())
		select {
		case <-p.Ended():
			c.Hooks.Crashed(p.PID().String(), fmt.Errorf("clerk ended: %w", p.Err()))
		case <-ctx.Done():
			p.Stop()
			return context.Cause(ctx)
		}
	}
}

// order is what a clerk is asked to do.
type order struct {
	Do     string          `json:"do"` // move, count or audit
	Shelf  string          `json:"shelf"`
	To     string          `json:"to,omitempty"`     // move: the other shelf
	Amount int             `json:"amount,omitempty"` // move: how much
	With   cluster.Address `json:"with"`             // audit: who is asked to count
	Count  string          `json:"count,omitempty"`  // audit: which shelf
}

// Asker is who asks a clerk: a node, or a process that waits for the answer.
type Asker interface {
	Ask(ctx context.Context, to cluster.Address, body []byte) ([]byte, error)
}

// Move makes a clerk move goods from one shelf to another. It returns what is on
// the shelves then.
func Move(ctx context.Context, by Asker, clerk cluster.Address, from, to string, amount int) (string, error) {
	return ask(ctx, by, clerk, order{Do: "move", Shelf: from, To: to, Amount: amount})
}

// Count makes a clerk count what is on a shelf.
func Count(ctx context.Context, by Asker, clerk cluster.Address, shelf string) (string, error) {
	return ask(ctx, by, clerk, order{Do: "count", Shelf: shelf})
}

// Audit makes a clerk count a shelf and compare with what another clerk counts,
// on the same shelf or on another.
func Audit(ctx context.Context, by Asker, clerk cluster.Address, shelf string, with cluster.Address, count string) (string, error) {
	return ask(ctx, by, clerk, order{Do: "audit", Shelf: shelf, With: with, Count: count})
}

func ask(ctx context.Context, by Asker, clerk cluster.Address, o order) (string, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("%s: %w", o.Do, err)
	}
	answer, err := by.Ask(ctx, clerk, body)
	if refused := new(cluster.RemoteError); errors.As(err, &refused) && strings.HasPrefix(refused.Message, ErrShort.Error()) {
		err = fmt.Errorf("%w: %w", ErrShort, err)
	}
	return string(answer), err
}

// clerk is a process that carries out orders.
type clerk struct{ Config }

// serve carries out one order. Who has waited in vain crashes.
func (c *clerk) serve(ctx context.Context, p *cluster.Process, body []byte) ([]byte, error) {
	var o order
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, fmt.Errorf("%w: order: %w", cluster.ErrInvalid, err)
	}
	var answer string
	var err error
	switch o.Do {
	case "move":
		answer, err = c.move(ctx, p, o)
	case "count":
		answer, err = c.count(ctx, p, o.Shelf)
	case "audit":
		answer, err = c.audit(ctx, p, o)
	default:
		err = fmt.Errorf("%w: order %q", cluster.ErrInvalid, o.Do)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, amqprpc.Crash(err)
	}
	return []byte(answer), err
}

// move holds both shelves while it moves.
func (c *clerk) move(ctx context.Context, p *cluster.Process, o order) (answer string, err error) {
	if o.Amount < 1 || o.Shelf == o.To {
		return "", fmt.Errorf("%w: move %d from %s to %s", cluster.ErrInvalid, o.Amount, o.Shelf, o.To)
	}
	first, second := o.Shelf, o.To
	if c.Careful {
		first, second = min(first, second), max(first, second)
	}
	err = c.holding(ctx, p, first, func(ctx context.Context) error {
		c.work(ctx)
		return c.holding(ctx, p, second, func(ctx context.Context) error {
			answer, err = c.carry(ctx, p, o)
			return err
		})
	})
	return answer, err
}

// carry moves goods from one shelf to another, both of which are held.
func (c *clerk) carry(ctx context.Context, p *cluster.Process, o order) (string, error) {
	from, err := c.read(ctx, o.Shelf)
	if err != nil {
		return "", err
	}
	to, err := c.read(ctx, o.To)
	if err != nil {
		return "", err
	}
	if from < o.Amount {
		return "", fmt.Errorf("%w: %d on %s, %d wanted", ErrShort, from, o.Shelf, o.Amount)
	}
	// Between the two the goods are on no shelf rather than on both.
	if err := c.write(ctx, p, o.Shelf, from-o.Amount); err != nil {
		return "", err
	}
	if err := c.write(ctx, p, o.To, to+o.Amount); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d, %s: %d", o.Shelf, from-o.Amount, o.To, to+o.Amount), nil
}

func (c *clerk) count(ctx context.Context, p *cluster.Process, shelf string) (answer string, err error) {
	err = c.holding(ctx, p, shelf, func(ctx context.Context) error {
		n, err := c.read(ctx, shelf)
		answer = fmt.Sprintf("%s: %d", shelf, n)
		return err
	})
	return answer, err
}

// audit asks another clerk: while it holds the shelf, unless it is careful.
func (c *clerk) audit(ctx context.Context, p *cluster.Process, o order) (answer string, err error) {
	var theirs string
	compare := func(ctx context.Context) error {
		theirs, err = c.ask(ctx, p, o.With, o.Count)
		return err
	}
	err = c.holding(ctx, p, o.Shelf, func(ctx context.Context) error {
		n, err := c.read(ctx, o.Shelf)
		if err != nil {
			return err
		}
		answer = fmt.Sprintf("%s: %d", o.Shelf, n)
		if c.work(ctx); c.Careful {
			return nil
		}
		return compare(ctx)
	})
	if err == nil && c.Careful {
		err = compare(ctx)
	}
	return fmt.Sprintf("%s; %s says %s", answer, o.With.Name, theirs), err
}
