package amqprpc

import (
	"context"
	"errors"
	"fmt"
)

// How calls and messages fail. Test for them with errors.Is.
var (
	// ErrTimeout says that no reply came before the call's deadline. It wraps
	// context.DeadlineExceeded. The request may have been carried out.
	ErrTimeout error = &failure{text: "no reply in time", kind: "timeout", cause: context.DeadlineExceeded}
	// ErrUnroutable says that the request reached no queue: nobody has seen it.
	ErrUnroutable error = &failure{text: "no queue takes the message", kind: "unroutable"}
	// ErrConnectionLost says that the connection was lost while the call
	// waited. The queue on which its reply would have come went with it. The
	// request may have been carried out.
	ErrConnectionLost error = &failure{text: "connection lost", kind: "connection_lost"}
	// ErrClosed says that the Conn was closed.
	ErrClosed error = &failure{text: "connection closed", kind: "closed"}
	// ErrInvalid says that a message or a Server can be of no use, whatever
	// the broker.
	ErrInvalid error = &failure{text: "invalid", kind: "invalid"}
)

// How serving ends.
var (
	// ErrTaken says that the broker refused a declaration because somebody
	// else holds the name exclusively.
	ErrTaken = errors.New("name is taken")
	// ErrNoAnswer is what a Handler returns to leave its caller without a
	// reply.
	ErrNoAnswer = errors.New("no answer")
	// ErrAnswered says that a request has been answered before.
	ErrAnswered = errors.New("already answered")
)

// failure is an error that names itself in spans.
type failure struct {
	text, kind string
	cause      error
}

func (f *failure) Error() string     { return f.text }
func (f *failure) Unwrap() error     { return f.cause }
func (f *failure) ErrorType() string { return f.kind }

// RemoteError is the error that a Handler returned, as its caller sees it.
type RemoteError struct {
	Destination string // of the call
	Message     string
}

// Error returns what the Handler's error said.
func (e *RemoteError) Error() string { return fmt.Sprintf("%s answered: %s", e.Destination, e.Message) }

// ErrorType names the error in spans.
func (e *RemoteError) ErrorType() string { return "remote" }

// Crash makes an error of a Handler the end of its process: nobody is
// answered, the channel is closed, and Serve returns err. What queued at the
// process goes the way of its queue: lost with one that goes with its only
// consumer, delivered to others otherwise.
func Crash(err error) error { return &crash{cause: err} }

type crash struct{ cause error }

func (c *crash) Error() string     { return fmt.Sprintf("crash: %v", c.cause) }
func (c *crash) Unwrap() error     { return c.cause }
func (c *crash) ErrorType() string { return "crash" }

// PanicError is the crash of a Handler that panicked.
type PanicError struct {
	Value any    // of the panic
	Stack []byte // as formatted by runtime/debug
}

// Error returns the panic's value; the stack is in the log.
func (e *PanicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.Value) }

// ended returns why ctx ended, as an error of this package where there is one.
func ended(ctx context.Context) error {
	switch err, cause := ctx.Err(), context.Cause(ctx); {
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	case errors.Is(cause, err):
		return cause
	default:
		return fmt.Errorf("%w: %w", err, cause)
	}
}
