package shimplay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/shim"
)

// address is where the shim is found by hand.
const address = "127.0.0.1:8057"

// node runs the engine, or the shim in one of its variants.
func node(ctx context.Context, p *demo.Part, name string) error {
	cfg := config(p, shim.Hooks{
		Started: func(process string) { p.Say("%s has started", process) },
		Crashed: func(process string, cause error) { p.Say("%s exits: %v", process, cause) },
	})
	switch v := shim.Variant(name); v {
	case shim.Engine:
		return shim.RunEngine(ctx, cfg)
	case shim.Joined, shim.Apart:
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("start shim: %w", err)
		}
		cfg.Variant, cfg.Listener = v, l
		return shim.RunShim(ctx, cfg)
	}
	return fmt.Errorf("node %q: want %s, %s or %s", name, shim.Engine, shim.Joined, shim.Apart)
}

// byHand fetches so many items from a running shim and, meanwhile, one more.
func byHand(ctx context.Context, _ *demo.Part, args []string) (string, error) {
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return "", fmt.Errorf("count %q is no number", args[0])
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", fmt.Errorf("reach the shim: %w", err)
	}
	defer func() { _ = conn.Close() }() // it is used no more
	c, err := shim.Connect(ctx, conn, 0)
	if err != nil {
		return "", err
	}
	defer c.Close()
	done := make(chan error, 1)
	go func() {
		_, err := c.Fetch(ctx, count)
		done <- err
	}()
	if err := pause.For(ctx, 100*time.Millisecond); err != nil {
		return "", err
	}
	_, err = c.Fetch(ctx, 1)
	return items(count + 1), errors.Join(<-done, err)
}
