package watched

import (
	"context"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Semaphore has permits, each of which one process holds at a time.
type Semaphore struct{ guard *guard }

// NewSemaphore returns a semaphore with all its permits free. With a size below 1
// it has none, ever.
//
// A process may acquire several permits one by one. Then fewer processes than
// permits can give one back, and a deadlock over them is not seen.
func NewSemaphore(name string, size int) *Semaphore {
	return &Semaphore{newGuard(name, report.Permit, max(size, 0))}
}

// Acquire takes a permit for the process of ctx. It waits until one is free or
// ctx ends, and returns the cause of that.
func (s *Semaphore) Acquire(ctx context.Context) error { return s.guard.acquire(ctx) }

// Release gives a permit back. It returns ErrNotHeld if the process of ctx has
// none. Whether ctx has ended does not matter.
func (s *Semaphore) Release(ctx context.Context) error {
	return s.guard.release(tracing.ProcessFrom(ctx))
}
