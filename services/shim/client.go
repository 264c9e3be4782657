package shim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/shim/streampb"
)

// Client is a streaming client: it makes any number of requests at a time and reads
// their answers as they come. Its methods may be called from many goroutines.
type Client struct {
	stream streampb.Shim_StreamClient
	leave  context.CancelFunc
	read   chan struct{} // closed when nothing is read any more

	mu      sync.Mutex // guards sending, too
	last    uint32
	waiting map[uint32]*answer
	err     error // why nothing is read any more
}

// answer is one on its way.
type answer struct {
	items uint32
	done  chan struct{}
}

// Connect opens a stream. It takes slow between two items; 0 is promptly.
func Connect(ctx context.Context, conn grpc.ClientConnInterface, slow time.Duration) (*Client, error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := streampb.NewShimClient(conn).Stream(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("connect to the shim: %w", err)
	}
	c := &Client{stream: stream, leave: cancel, read: make(chan struct{}), waiting: make(map[uint32]*answer)}
	go c.receive(ctx, slow)
	return c, nil
}

// Close leaves.
func (c *Client) Close() {
	c.leave()
	<-c.read
}

var errDisorder = errors.New("items out of order")

// receive reads items until the stream ends.
func (c *Client) receive(ctx context.Context, slow time.Duration) {
	defer close(c.read)
	for {
		item, err := c.stream.Recv()
		if err == nil {
			err = c.take(item)
		}
		if err == nil {
			err = pause.For(ctx, slow)
		}
		if err != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.err = err
			return
		}
	}
}

// take counts an item. One that came before is dropped.
func (c *Client) take(item *streampb.Item) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.waiting[item.GetRequest()]
	switch {
	case a == nil || item.GetNumber() <= a.items:
		return nil
	case item.GetNumber() != a.items+1:
		return fmt.Errorf("%w: %d after %d", errDisorder, item.GetNumber(), a.items)
	}
	if a.items++; item.GetLast() {
		delete(c.waiting, item.GetRequest())
		close(a.done)
	}
	return nil
}

// Fetch asks for count items and waits until all have come. It returns how many
// have when it fails.
func (c *Client) Fetch(ctx context.Context, count int) (items int, err error) {
	a, err := c.ask(count)
	if err != nil {
		return 0, err
	}
	select {
	case <-a.done:
	case <-c.read:
		err = c.failure()
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(a.items), err
}

func (c *Client) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Client) ask(count int) (*answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	a := &answer{done: make(chan struct{})}
	c.waiting[c.last] = a
	if err := c.stream.Send(&streampb.Request{Id: c.last, Count: uint32(count)}); err != nil { //nolint:gosec // the shim refuses what is out of range
		delete(c.waiting, c.last)
		return nil, fmt.Errorf("ask for %d items: %w", count, err)
	}
	return a, nil
}
