package watched

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// guard is what so many units of can be held at a time.
type guard struct {
	name string
	kind report.Kind
	size int

	mu   sync.Mutex
	free int
	// held counts the units of each process; of those that nobody watches
	// together, under nil. While somebody waits, the agents know who holds.
	held    map[*tracing.Process]int
	waiters list.List // of *acquirer; empty while a unit is free
}

// acquirer is one that waits for a unit.
type acquirer struct {
	process  *tracing.Process
	blocking *tracing.Blocking
	ready    chan struct{} // closed when it has the unit
}

func newGuard(name string, kind report.Kind, size int) *guard {
	return &guard{name: name, kind: kind, size: size, free: size, held: make(map[*tracing.Process]int)}
}

func (g *guard) acquire(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("acquire %s %s: %w", g.kind, g.name, context.Cause(ctx))
	}
	p := tracing.ProcessFrom(ctx)
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.held[p]++
		g.mu.Unlock()
		return nil
	}
	a := &acquirer{process: p, ready: make(chan struct{})}
	place := g.enqueue(ctx, a)
	g.mu.Unlock()
	select {
	case <-a.ready:
		return nil
	case <-ctx.Done():
	}
	if g.withdraw(place, ctx.Err()) {
		return fmt.Errorf("acquire %s %s: %w", g.kind, g.name, context.Cause(ctx))
	}
	return nil
}

// enqueue makes a wait. The first one makes it known who holds the units.
func (g *guard) enqueue(ctx context.Context, a *acquirer) *list.Element {
	if g.waiters.Len() == 0 {
		for p := range g.held {
			p.Hold(g.kind, g.name)
		}
	}
	deadline, _ := ctx.Deadline()
	a.blocking = a.process.Agent().Block(ctx, tracing.All, tracing.Wait{
		Kind: g.kind, Resource: g.name, Deadline: deadline, Holders: g.size,
	})
	return g.waiters.PushBack(a)
}

// withdraw ends a wait by err; false if it has been granted.
func (g *guard) withdraw(place *list.Element, err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := place.Value.(*acquirer) //nolint:forcetypeassert // nothing else is in the list
	select {
	case <-a.ready:
		return false
	default:
	}
	g.waiters.Remove(place)
	a.blocking.End(cause(err))
	g.calm()
	return true
}

// calm ends what is known of the holders once nobody waits.
func (g *guard) calm() {
	if g.waiters.Len() > 0 {
		return
	}
	for p := range g.held {
		p.Release(g.name)
	}
}

// release gives a unit back, to the first that waits if there is one.
func (g *guard) release(p *tracing.Process) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.held[p] {
	case 0:
		return fmt.Errorf("release %s %s: %w", g.kind, g.name, ErrNotHeld)
	case 1:
		delete(g.held, p)
	default:
		g.held[p]--
	}
	first := g.waiters.Front()
	if first == nil {
		g.free++
		return nil
	}
	if g.held[p] == 0 {
		p.Release(g.name)
	}
	next := g.waiters.Remove(first).(*acquirer) //nolint:forcetypeassert // nothing else is in the list
	g.held[next.process]++
	next.blocking.End(report.Granted)
	if g.waiters.Len() > 0 {
		next.process.Hold(g.kind, g.name)
	}
	g.calm()
	close(next.ready)
	return nil
}
