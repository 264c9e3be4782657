// Package pause waits.
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends. If ctx has ended by then, the error is the
// cause of that.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
