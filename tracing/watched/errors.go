package watched

import (
	"context"
	"errors"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Misuse, and the end of a channel.
var (
	// ErrNotHeld means that something was to be given back by a process that
	// does not have it.
	ErrNotHeld = errors.New("not held by this process")
	// ErrAttached means that the process is attached already, in this role.
	ErrAttached = errors.New("process is attached already")
	// ErrDetached means that the handle was given up.
	ErrDetached = errors.New("detached")
	// ErrClosed means that the channel was closed and, for a receiver, that it
	// is empty.
	ErrClosed = errors.New("channel is closed")
)

// cause says how a wait ended that ended with err.
func cause(err error) report.Cause {
	switch {
	case err == nil:
		return report.Granted
	case errors.Is(err, context.DeadlineExceeded):
		return report.TimedOut
	default:
		return report.Cancelled
	}
}
