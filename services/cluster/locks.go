package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Lock is one that a process holds.
type Lock struct {
	// Incarnation is higher than that of the holders before, as far as clocks
	// agree: the fence for a store that refuses what is lower.
	Incarnation uint64

	token *token
}

// Lost is closed when the process no longer holds the lock: it has deleted it,
// or the broker took it back.
func (l *Lock) Lost() <-chan struct{} { return l.token.ended }

func (l *Lock) lost() bool {
	select {
	case <-l.token.ended:
		return true
	default:
		return false
	}
}

// SetLock waits until the process holds a lock, which no other process in the
// cluster does then, or until ctx ends. Who waits gets it in the order in which
// they came. A process that holds the lock already gets ErrHeld: it would wait
// for itself.
func (p *Process) SetLock(ctx context.Context, name string) (*Lock, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("set lock: %w", err)
	}
	l, err := p.lock(p.as(ctx), p.node.cfg.object("lock", name))
	if err != nil {
		return nil, fmt.Errorf("set lock %s: %w", name, err)
	}
	return l, nil
}

// DelLock gives a lock to whoever is next. A process that does not hold it gets
// ErrNotHolder; one from which the broker has taken it back, ErrLockLost.
func (p *Process) DelLock(name string) error {
	if err := p.unlock(p.node.cfg.object("lock", name)); err != nil {
		return fmt.Errorf("delete lock %s: %w", name, err)
	}
	return nil
}

// Trans runs f while the process holds a lock. The context of f ends, with
// ErrLockLost as its cause, if the broker takes the lock back.
func (p *Process) Trans(ctx context.Context, name string, f func(ctx context.Context) error) (err error) {
	l, err := p.SetLock(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.DelLock(name)) }()
	ctx, done := l.whileHeld(ctx)
	defer done()
	return f(ctx)
}

// whileHeld returns a context that ends when the lock is lost.
func (l *Lock) whileHeld(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-l.Lost():
			cancel(ErrLockLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// lock waits for the token of a queue, whose name is that of the lock in reports.
func (p *Process) lock(ctx context.Context, queue string) (*Lock, error) {
	if err := p.reserve(queue); err != nil {
		return nil, err
	}
	var wait *tracing.Blocking
	t, err := p.node.acquire(ctx, queue, func() { wait = p.block(ctx, queue, wait) })
	if err != nil {
		wait.End(ending(err))
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.locks, queue)
		return nil, err
	}
	l, err := p.keep(queue, t)
	wait.End(report.Granted)
	return l, err
}

// reserve notes that the process waits for a lock, which it may have lost.
func (p *Process) reserve(queue string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.locks == nil {
		return ErrStopped
	}
	l, there := p.locks[queue]
	if there && (l == nil || !l.lost()) {
		return ErrHeld
	}
	p.traced.Release(queue)
	p.locks[queue] = nil
	return nil
}

// block notes once that the process waits for a lock.
func (p *Process) block(ctx context.Context, queue string, wait *tracing.Blocking) *tracing.Blocking {
	if wait != nil {
		return wait
	}
	deadline, _ := ctx.Deadline()
	return p.node.cfg.Agent.Block(ctx, tracing.All, tracing.Wait{Kind: report.Lock, Resource: queue, Deadline: deadline})
}

func ending(err error) report.Cause {
	if errors.Is(err, context.DeadlineExceeded) {
		return report.TimedOut
	}
	return report.Cancelled
}

// keep notes that the process holds a lock, until it is given up or lost.
func (p *Process) keep(queue string, t *token) (*Lock, error) {
	l := &Lock{Incarnation: p.node.incarnate(), token: t}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.locks == nil { // the process ended meanwhile
		go t.release()
		return nil, ErrStopped
	}
	p.locks[queue] = l
	p.traced.Hold(report.Lock, queue)
	go p.observe(queue, l)
	return l, nil
}

// observe tells waitgraph of a lock that is lost.
func (p *Process) observe(queue string, l *Lock) {
	<-l.Lost()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.locks[queue] == l {
		p.traced.Release(queue)
	}
}

// unlock gives the token back.
func (p *Process) unlock(queue string) error {
	p.mu.Lock()
	l := p.locks[queue]
	if l == nil {
		p.mu.Unlock()
		return ErrNotHolder
	}
	delete(p.locks, queue)
	p.traced.Release(queue)
	lost := l.lost()
	p.mu.Unlock()
	l.token.release()
	if lost {
		return ErrLockLost
	}
	return nil
}
