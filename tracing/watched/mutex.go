package watched

import (
	"context"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Mutex is a lock that one process holds at a time. It is not reentrant.
type Mutex struct{ guard *guard }

// NewMutex returns a lock that is free.
func NewMutex(name string) *Mutex { return &Mutex{newGuard(name, report.Lock, 1)} }

// Lock takes the lock for the process of ctx. It waits until the lock is free or
// ctx ends, and returns the cause of that.
func (m *Mutex) Lock(ctx context.Context) error { return m.guard.acquire(ctx) }

// Unlock gives the lock back. It returns ErrNotHeld if the process of ctx does
// not hold it. Whether ctx has ended does not matter.
func (m *Mutex) Unlock(ctx context.Context) error {
	return m.guard.release(tracing.ProcessFrom(ctx))
}
