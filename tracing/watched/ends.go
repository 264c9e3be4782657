package watched

import (
	"context"
	"fmt"
)

// Sender is a process's right to send.
type Sender[T any] struct{ end *end[T] }

// Receiver is a process's right to receive, and its duty: those who wait for
// space count on every receiver that is attached.
type Receiver[T any] struct{ end *end[T] }

// Send puts a value into the channel for the process that was attached. It waits
// until there is space or ctx ends, and returns the cause of that, ErrClosed or
// ErrDetached.
func (s *Sender[T]) Send(ctx context.Context, v T) error {
	if err := s.end.send(ctx, v); err != nil {
		return fmt.Errorf("send to %s: %w", s.end.c.name, err)
	}
	return nil
}

func (e *end[T]) send(ctx context.Context, v T) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c := e.c
	c.mu.Lock()
	err := e.usable()
	if err == nil && c.closed {
		err = ErrClosed
	}
	if err != nil {
		c.mu.Unlock()
		return err
	}
	if first := c.receivers.waiters.Front(); first != nil {
		waiter[T](first).value = v
		c.finish(&c.receivers, first, nil)
		c.mu.Unlock()
		return nil
	}
	if c.used < len(c.ring) {
		c.push(v)
		c.mu.Unlock()
		return nil
	}
	at := c.park(ctx, e, v)
	c.mu.Unlock()
	_, err = c.await(ctx, at)
	return err
}

// Receive takes the oldest value out of the channel for the process that was
// attached. It waits until there is one or ctx ends, and returns the cause of
// that, ErrClosed or ErrDetached.
func (r *Receiver[T]) Receive(ctx context.Context) (T, error) {
	v, err := r.end.receive(ctx)
	if err != nil {
		return v, fmt.Errorf("receive from %s: %w", r.end.c.name, err)
	}
	return v, nil
}

func (e *end[T]) receive(ctx context.Context) (v T, err error) {
	if ctx.Err() != nil {
		return v, context.Cause(ctx)
	}
	c := e.c
	c.mu.Lock()
	if err = e.usable(); err != nil {
		c.mu.Unlock()
		return v, err
	}
	if v, ok := c.pop(); ok {
		c.mu.Unlock()
		return v, nil
	}
	if c.closed {
		c.mu.Unlock()
		return v, ErrClosed
	}
	at := c.park(ctx, e, v)
	c.mu.Unlock()
	return c.await(ctx, at)
}

// pop takes the oldest value, and lets the first that waits for space go on.
func (c *Chan[T]) pop() (v T, ok bool) {
	first := c.senders.waiters.Front()
	if c.used > 0 {
		var none T
		v, c.ring[c.head] = c.ring[c.head], none
		c.head, c.used = (c.head+1)%len(c.ring), c.used-1
		if first != nil {
			c.push(waiter[T](first).value)
			c.finish(&c.senders, first, nil)
		}
		return v, true
	}
	if first == nil {
		return v, false
	}
	v = waiter[T](first).value
	c.finish(&c.senders, first, nil)
	return v, true
}

func (c *Chan[T]) push(v T) {
	c.ring[(c.head+c.used)%len(c.ring)] = v
	c.used++
}

func (e *end[T]) usable() error {
	if _, ok := e.of.attached[e]; !ok {
		return ErrDetached
	}
	return nil
}

// Detach gives the right up and ends what waits by it, with ErrDetached. Detaching
// twice is harmless.
func (s *Sender[T]) Detach() { s.end.detach() }

// Detach gives the right up and ends what waits by it, with ErrDetached. Detaching
// twice is harmless.
func (r *Receiver[T]) Detach() { r.end.detach() }
