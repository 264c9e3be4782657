package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// How things fail. Test for them with errors.Is; they keep their identity on the
// way from one node to another.
var (
	// ErrInvalid says that a name is empty, too long or not fit to print, or
	// that a configuration makes no sense.
	ErrInvalid = errors.New("invalid")
	// ErrTaken says that another holds the name: of a node, of a process on
	// its node, or in the registry.
	ErrTaken = errors.New("name is taken")
	// ErrStopped says that the node or the process has ended.
	ErrStopped = errors.New("stopped")
	// ErrHeld says that the process holds the lock, or waits for it, already.
	ErrHeld = errors.New("lock is held by this very process")
	// ErrNotHolder says that a process deletes a lock that it does not hold.
	ErrNotHolder = errors.New("not the holder of the lock")
	// ErrLockLost says that the broker has taken the lock back, since the
	// connection was lost: another may hold it.
	ErrLockLost = errors.New("lock was lost with the connection")
	// ErrNotRegistered says that a process gives up a name that is not its own.
	ErrNotRegistered = errors.New("name is not registered by this process")
	// ErrNoProcess says that there is no such process, or that it ended before
	// it answered. In that case it may have done what it was asked.
	ErrNoProcess = errors.New("no such process")
	// ErrNodeDown says that the node is not up, or went down before it
	// answered. In that case it may have done what it was asked.
	ErrNodeDown = errors.New("node is down")
	// ErrNoOp says that a node was asked for an operation that it does not
	// have.
	ErrNoOp = errors.New("no such operation")
	// ErrNoGroup says that nobody has created the group.
	ErrNoGroup = errors.New("no such group")
	// ErrNotMember says that a process leaves a group that it is not in.
	ErrNotMember = errors.New("not a member of the group")
	// ErrNoValue says that a group has no value of that key.
	ErrNoValue = errors.New("no such value")
	// ErrNoService says that the node takes no part in the service.
	ErrNoService = errors.New("no such service")
	// ErrNoMajority says that this side sees less than a majority of the
	// service's nodes, and that the others may be serving.
	ErrNoMajority = errors.New("no majority of the nodes")
	// ErrMissing says that a service waits for nodes before it starts; a
	// *MissingError says for which.
	ErrMissing = errors.New("not started")
	// ErrPanic says that an operation panicked.
	ErrPanic = errors.New("operation panicked")
)

var answerable = []error{
	ErrInvalid, ErrTaken, ErrStopped, ErrHeld, ErrNotHolder, ErrLockLost, ErrNotRegistered, ErrNoProcess, ErrNodeDown,
	ErrNoOp, ErrNoGroup, ErrNotMember, ErrNoValue, ErrNoService, ErrNoMajority, ErrMissing, ErrPanic,
	amqprpc.ErrTimeout,
}

// outbound returns err as a handler answers it, so that inbound knows it again:
// an error travels as its text, and what it is comes first.
func outbound(err error) error {
	for _, known := range answerable {
		if errors.Is(err, known) && !strings.HasPrefix(err.Error(), known.Error()) {
			return fmt.Errorf("%w: %w", known, err)
		}
	}
	return err
}

// RemoteError is an error that a node or a process answered.
type RemoteError struct {
	Message string
	known   error // nil if it is none of this package's
}

func (e *RemoteError) Error() string { return e.Message }
func (e *RemoteError) Unwrap() error { return e.known }

// inbound returns what err means that a call ended with, when the queue that was
// called is gone for the given reason.
func inbound(err, unroutable error) error {
	remote := new(amqprpc.RemoteError)
	switch {
	case errors.Is(err, amqprpc.ErrUnroutable):
		return unroutable
	case !errors.As(err, &remote):
		return err
	}
	for _, known := range answerable {
		if strings.HasPrefix(remote.Message, known.Error()) {
			return &RemoteError{Message: remote.Message, known: known}
		}
	}
	return &RemoteError{Message: remote.Message}
}

// guarded runs f and makes a panic an error.
func guarded(ctx context.Context, f Op, body []byte) (reply []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			reply, err = nil, fmt.Errorf("%w: %v", ErrPanic, v)
		}
	}()
	return f(ctx, body)
}
