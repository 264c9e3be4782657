package amqprpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing"
)

// Handler answers a request with what it returns: a body, or an error, which
// is a *RemoteError at the caller. ErrNoAnswer answers nobody, and Crash ends
// the process. ctx carries the process, the span and the call chain on to what
// the handler calls; it ends when the server does or the request's channel is
// lost. A panic is a crash.
type Handler func(ctx context.Context, r *Request) ([]byte, error)

// Server describes a process that serves requests.
type Server struct {
	Queue string
	// Declare makes sure that the queue exists, each time anew when the
	// connection or the queue was lost. Nil: somebody else does.
	Declare func(ch *amqp.Channel) error
	// Process is the one that works. Nil: one that is named after the queue
	// and lives until Serve returns, if the Conn has an Agent. If it is
	// reentrant (tracing.Reentrant), it serves requests of its own call chain
	// while it waits, so that the Handler must be safe for concurrent use.
	Process *tracing.Process
	// Prefetch is how many requests are taken from the queue ahead of their
	// acknowledgement, those being handled included; 0 means 1. With more,
	// they wait in the process's mailbox, where they can be seen waiting. A
	// reentrant process needs more: what is not taken is not served.
	Prefetch int
	// PerRequest handles up to Prefetch requests at a time, each in a process
	// of its own that lives as long as the request; what crashes is the
	// request's process then, and the server goes on. Otherwise there is one
	// process, which handles one request at a time.
	PerRequest bool
	// Received, unless it is nil, is told of each request that is delivered,
	// before anybody can see it wait in the mailbox. Nothing else is delivered
	// until it returns, and it must leave the request as it is.
	Received func(*Request)
	Handler  Handler
}

// maxPrefetch leaves room for one more within what the protocol knows.
const maxPrefetch = 1<<16 - 2

// ahead is how many requests the broker delivers before they are acknowledged.
func (s *Server) ahead() int {
	if s.PerRequest {
		return s.Prefetch + 1 // the one that waits for its turn can be seen waiting
	}
	return s.Prefetch
}

func (s *Server) validate() error {
	switch {
	case s.Queue == "" || len(s.Queue) > maxShort:
		return fmt.Errorf("%w: queue name of %d bytes", ErrInvalid, len(s.Queue))
	case s.Prefetch < 0 || s.Prefetch > maxPrefetch:
		return fmt.Errorf("%w: prefetch %d", ErrInvalid, s.Prefetch)
	case s.Handler == nil:
		return fmt.Errorf("%w: no handler", ErrInvalid)
	}
	return nil
}

// Serve takes requests from a queue and handles them until ctx ends, the
// process crashes, or the broker refuses the queue; the error says which, and
// wraps ErrTaken if the name is somebody else's. A lost connection or queue is
// no reason to return: the server is built anew, and what was delivered on the
// old channel is abandoned, for the broker to deliver again.
//
// A request is acknowledged when it is done, whatever the outcome, so what
// fails is never delivered again; what ctx interrupts is.
func (c *Conn) Serve(ctx context.Context, srv Server) error {
	if err := srv.validate(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	if srv.Prefetch == 0 {
		srv.Prefetch = 1
	}
	if srv.Process == nil {
		srv.Process = c.cfg.Agent.Process(srv.Queue)
		defer srv.Process.Stop()
	}
	var old *session
	for {
		s, err := c.sessions.await(ctx, old, c.closing)
		if err == nil {
			err = c.serve(ctx, s, &srv)
		}
		if fatal := new(fatalError); errors.As(err, &fatal) {
			return fmt.Errorf("serve %s: %w", srv.Queue, fatal.cause)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case <-c.closing:
			return fmt.Errorf("serve %s: %w", srv.Queue, ErrClosed)
		default:
		}
		c.cfg.Log.WarnContext(ctx, "server is built anew", "queue", srv.Queue, "error", err)
		if old = nil; s.consume.IsClosed() {
			old = s
		}
		c.pause(ctx)
	}
}

// rebuildPause keeps a server that is refused something again and again from
// asking all the time.
const rebuildPause = 50 * time.Millisecond

func (c *Conn) pause(ctx context.Context) {
	timer := time.NewTimer(rebuildPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-c.closing:
	}
}

// fatalError is one that building the server anew cannot mend.
type fatalError struct{ cause error }

func (e *fatalError) Error() string { return e.cause.Error() }
func (e *fatalError) Unwrap() error { return e.cause }

// serve serves on one channel until it is lost.
func (c *Conn) serve(ctx context.Context, s *session, srv *Server) error {
	ch, err := s.consume.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	defer ch.Close() // fails if it is lost already, which is what matters
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))

	if err := srv.declare(ch); err != nil {
		return srv.refused(err, s)
	}
	srv.Process.Joined(srv.Queue)
	defer srv.Process.Left(srv.Queue)
	deliveries, err := srv.consume(ch)
	if err != nil {
		return srv.refused(err, s)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := newWorker(c, srv)
	w.intake.Go(func() {
		w.receive(ctx, deliveries)
		cancel(lostChannel(ch, closes))
	})
	err = w.work(ctx)
	cancel(nil)
	w.end()
	_ = ch.Close() // which ends the deliveries
	w.intake.Wait()
	if fatal := new(fatalError); errors.As(err, &fatal) {
		srv.Process.Crash() // now that it owes nothing that others may get
	}
	return err
}

func (s *Server) declare(ch *amqp.Channel) error {
	if s.Declare == nil {
		return nil
	}
	if err := s.Declare(ch); err != nil {
		return fmt.Errorf("declare: %w", err)
	}
	return nil
}

func (s *Server) consume(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
	if err := ch.Qos(s.ahead(), 0, false); err != nil {
		return nil, fmt.Errorf("set prefetch: %w", err)
	}
	const autoAck, exclusive, noLocal, noWait = false, false, false, false
	deliveries, err := ch.Consume(s.Queue, "", autoAck, exclusive, noLocal, noWait, nil)
	if err != nil {
		return nil, fmt.Errorf("consume: %w", err)
	}
	return deliveries, nil
}

// refused tells what the broker refuses for good from what another attempt may
// bring: when the connection was lost, or the queue between its declaration
// and its use.
func (s *Server) refused(err error, on *session) error {
	var reason *amqp.Error
	switch {
	case errors.As(err, &reason) && reason.Code == amqp.ResourceLocked:
		return &fatalError{fmt.Errorf("%w: %w", ErrTaken, err)}
	case on.consume.IsClosed(), errors.Is(err, amqp.ErrClosed), broken(err):
		return err
	case reason != nil && reason.Code == amqp.NotFound && s.Declare != nil:
		return err
	}
	return &fatalError{err}
}

// lostChannel returns why deliveries ended.
func lostChannel(ch *amqp.Channel, closes <-chan *amqp.Error) error {
	if !ch.IsClosed() {
		return errCancelled
	}
	select {
	case reason, ok := <-closes:
		if ok {
			return fmt.Errorf("%w: %w", ErrConnectionLost, reason)
		}
	default:
	}
	return ErrConnectionLost
}

// errCancelled says that the broker ended the consumer, as it does when the
// queue is deleted.
var errCancelled = errors.New("consumer cancelled by the broker")
