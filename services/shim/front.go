package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waitgraph/waitgraph/services/shim/streampb"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// front is where clients arrive. It outlives the shim's lives.
type front struct {
	streampb.UnimplementedShimServer

	mu      sync.Mutex
	shim    *shim // nil between two lives
	changed chan struct{}
	last    atomic.Uint64 // client: what an earlier life has asked for is nobody's
}

func (f *front) set(s *shim) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shim = s
	close(f.changed)
	f.changed = make(chan struct{})
}

// present returns the shim as soon as it lives.
func (f *front) present(ctx context.Context) (*shim, error) {
	for {
		f.mu.Lock()
		s, changed := f.shim, f.changed
		f.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// client is one stream. Only the receive routine sends on it.
type client struct {
	id     uint64
	name   string // of its send routine
	stream streampb.Shim_StreamServer
	left   context.CancelFunc
}

// send blocks while the client does not read: that is the client's affair, and no
// wait that could be in a deadlock.
func (c *client) send(item *streampb.Item) {
	if err := c.stream.Send(item); err != nil {
		c.left()
	}
}

// Stream serves one client: this is its send routine.
func (f *front) Stream(stream streampb.Shim_StreamServer) error {
	s, err := f.present(stream.Context())
	if err != nil {
		return status.FromContextError(err).Err()
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	c := s.admit(f.last.Add(1), stream, cancel)
	defer s.dismiss(c)
	err = s.sendRoutine(ctx, c)
	switch {
	case s.ctx.Err() != nil:
		return status.Errorf(codes.Unavailable, "the shim has exited: %v", context.Cause(s.ctx))
	case err == nil || errors.Is(err, io.EOF):
		<-ctx.Done() // its answers may be on their way
		return nil
	}
	return err
}

func (s *shim) admit(id uint64, stream streampb.Shim_StreamServer, left context.CancelFunc) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &client{id: id, name: fmt.Sprintf("%s:%d", Send, id), stream: stream, left: left}
	s.clients[c.id] = c
	return c
}

func (s *shim) dismiss(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c.id)
}

// sendRoutine hands a client's requests on, one after the other, until the client
// has no more.
func (s *shim) sendRoutine(ctx context.Context, c *client) error {
	process := s.Agent.Process(c.name)
	defer process.Stop()
	requests := received(ctx, c.stream)
	hand := s.enqueueApart
	if s.Variant == Joined {
		sender, err := s.inbox.Sender(process)
		if err != nil {
			return err
		}
		defer sender.Detach()
		hand = func(ctx context.Context, c *client, o *streampb.Order) error { return s.handOver(ctx, c, sender, o) }
	}
	ctx = tracing.WithProcess(ctx, process)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r, ok := <-requests:
			switch {
			case !ok:
				return nil
			case r.GetCount() < 1 || r.GetCount() > MaxCount:
				return status.Errorf(codes.InvalidArgument, "count %d is not within 1 to %d", r.GetCount(), MaxCount)
			}
			if err := hand(ctx, c, &streampb.Order{Client: c.id, Request: r}); err != nil {
				return err
			}
		}
	}
}

// handOver gives an order to the receive routine.
func (s *shim) handOver(ctx context.Context, c *client, inbox *watched.Sender[event], o *streampb.Order) error {
	ended := s.Hooks.Calling(c.name, Receive)
	err := inbox.Send(ctx, event{order: o})
	ended(err)
	return err
}

// enqueueApart enqueues an order in the client's own send routine. If that times
// out, the shim exits.
func (s *shim) enqueueApart(ctx context.Context, c *client, o *streampb.Order) error {
	err := s.enqueue(ctx, c.name, o)
	if err != nil && ctx.Err() == nil {
		s.exit(s.crash(ctx, c.name, err))
	}
	return err
}

// received reads a client's requests, so that the send routine sees it leave while
// it waits for something else.
func received(ctx context.Context, stream streampb.Shim_StreamServer) <-chan *streampb.Request {
	requests := make(chan *streampb.Request)
	go func() {
		defer close(requests)
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			select {
			case requests <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	return requests
}
