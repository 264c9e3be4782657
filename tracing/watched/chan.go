package watched

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Chan is a bounded channel whose senders and receivers are known. A sender waits
// for any receiver to make space, a receiver for any sender to put something in.
type Chan[T any] struct {
	name string

	mu        sync.Mutex
	closed    bool
	ring      []T // of which used, from head on, are in the channel
	head      int
	used      int
	senders   side[T]
	receivers side[T]
}

// side is one of the two ends of a channel.
type side[T any] struct {
	wait     report.Kind // what those on this side wait for
	resource string
	attached map[*end[T]]struct{}
	waiters  list.List // of *parked
}

// end is one attachment to a channel.
type end[T any] struct {
	c       *Chan[T]
	of      *side[T]
	process *tracing.Process
}

// parked is one operation that waits.
type parked[T any] struct {
	by       *end[T]
	value    T // to be sent, or received
	err      error
	over     bool
	blocking *tracing.Blocking
	ready    chan struct{} // closed once it is over
}

// NewChan returns an empty channel. With a capacity below 1, what is sent waits
// for the one that receives it.
func NewChan[T any](name string, capacity int) *Chan[T] {
	c := &Chan[T]{name: name, ring: make([]T, max(capacity, 0))}
	c.senders = side[T]{wait: report.Buffer, resource: name, attached: make(map[*end[T]]struct{})}
	c.receivers = side[T]{wait: report.Item, resource: name + "/items", attached: make(map[*end[T]]struct{})}
	return c
}

// Sender attaches a process that may send. It returns ErrAttached if it is
// attached as a sender, and ErrClosed.
func (c *Chan[T]) Sender(p *tracing.Process) (*Sender[T], error) {
	e, err := c.attach(&c.senders, &c.receivers, p)
	if err != nil {
		return nil, fmt.Errorf("attach sender to %s: %w", c.name, err)
	}
	return &Sender[T]{e}, nil
}

// Receiver attaches a process that may receive. It returns ErrAttached if it is
// attached as a receiver.
func (c *Chan[T]) Receiver(p *tracing.Process) (*Receiver[T], error) {
	e, err := c.attach(&c.receivers, &c.senders, p)
	if err != nil {
		return nil, fmt.Errorf("attach receiver to %s: %w", c.name, err)
	}
	return &Receiver[T]{e}, nil
}

// attach adds one that can grant what the other side waits for. Those who wait
// are told before, so that their present epochs know all who can.
func (c *Chan[T]) attach(to, other *side[T], p *tracing.Process) (*end[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed && to == &c.senders {
		return nil, ErrClosed
	}
	for e := range to.attached {
		if p != nil && e.process == p {
			return nil, ErrAttached
		}
	}
	e := &end[T]{c, to, p}
	other.vouch(len(to.attached) + 1)
	to.attached[e] = struct{}{}
	if to.told(other) {
		p.Hold(other.wait, other.resource)
	}
	return e, nil
}

// told reports whether the agents know who is attached to s. That senders are
// is of no cost until they are blocked for long; of receivers it matters at once,
// and only while somebody waits for space.
func (s *side[T]) told(other *side[T]) bool {
	return other.wait == report.Item || other.waiters.Len() > 0
}

// vouch tells those who wait on s how many can grant it.
func (s *side[T]) vouch(holders int) {
	for w := s.waiters.Front(); w != nil; w = w.Next() {
		waiter[T](w).blocking.Vouch(0, holders)
	}
}

func waiter[T any](at *list.Element) *parked[T] {
	return at.Value.(*parked[T]) //nolint:forcetypeassert // nothing else is in the list
}

// detach ends an attachment and whatever waits by it.
func (e *end[T]) detach() {
	c := e.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := e.of.attached[e]; !ok {
		return
	}
	other := c.opposite(e.of)
	delete(e.of.attached, e)
	e.process.Release(other.resource)
	other.vouch(len(e.of.attached))
	for w := e.of.waiters.Front(); w != nil; {
		next := w.Next()
		if waiter[T](w).by == e {
			c.finish(e.of, w, ErrDetached)
		}
		w = next
	}
}

func (c *Chan[T]) opposite(s *side[T]) *side[T] {
	if s == &c.senders {
		return &c.receivers
	}
	return &c.senders
}

// finish ends an operation that waits. The last one for space takes along what
// is known of the receivers.
func (c *Chan[T]) finish(s *side[T], at *list.Element, err error) {
	w := waiter[T](at)
	s.waiters.Remove(at)
	w.err, w.over = err, true
	w.blocking.End(cause(err))
	if s == &c.senders && s.waiters.Len() == 0 {
		for e := range c.receivers.attached {
			e.process.Release(s.resource)
		}
	}
	close(w.ready)
}

// park makes an operation wait. The first one for space makes it known who
// receives.
func (c *Chan[T]) park(ctx context.Context, e *end[T], value T) *list.Element {
	other := c.opposite(e.of)
	if e.of == &c.senders && e.of.waiters.Len() == 0 {
		for r := range other.attached {
			r.process.Hold(e.of.wait, e.of.resource)
		}
	}
	w := &parked[T]{by: e, value: value, ready: make(chan struct{})}
	deadline, _ := ctx.Deadline()
	w.blocking = e.process.Agent().Block(tracing.WithProcess(ctx, e.process), tracing.All, tracing.Wait{
		Kind: e.of.wait, Resource: e.of.resource, Deadline: deadline, Holders: len(other.attached),
	})
	return e.of.waiters.PushBack(w)
}

// await returns when a parked operation is over or ctx ends.
func (c *Chan[T]) await(ctx context.Context, at *list.Element) (T, error) {
	w := waiter[T](at)
	select {
	case <-w.ready:
		return w.value, w.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !w.over {
		c.finish(w.by.of, at, ctx.Err())
		w.err = context.Cause(ctx)
	}
	return w.value, w.err
}

// Close ends the channel: whoever waits to send gets ErrClosed, and receivers do
// once they have taken what is left. It returns ErrClosed if it was closed.
//
// Anybody may close a channel, as anybody may cancel a wait: that a deadlock could
// be ended so does not make it none.
func (c *Chan[T]) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return fmt.Errorf("close %s: %w", c.name, ErrClosed)
	}
	c.closed = true
	for _, s := range []*side[T]{&c.senders, &c.receivers} {
		for w := s.waiters.Front(); w != nil; w = s.waiters.Front() {
			c.finish(s, w, ErrClosed)
		}
	}
	return nil
}

// Len returns how many values are in the channel.
func (c *Chan[T]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}
