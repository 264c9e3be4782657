package poolplay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/services/pool"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// reachTime is how long to try to reach the broker of a running system.
const reachTime = 2 * time.Second

// node runs one replica by its number. A worker takes a moment before it asks, so
// that two requests can be sent by hand at a time.
func node(ctx context.Context, p *demo.Part, name string) error {
	replica, err := strconv.Atoi(name)
	if err != nil || replica < 1 {
		return fmt.Errorf("node %q: replicas are numbered from 1", name)
	}
	return pool.Run(ctx, pool.Config{
		Replica: replica, URL: p.URL, Dial: p.Dial, Agent: p.Agent, Workers: 2, TracerProvider: p.TracerProvider, Log: p.Log,
		Work: func(depth int) time.Duration { return time.Duration(min(depth, 1)) * 2 * time.Second },
		Hooks: pool.Hooks{Hooks: hooks.Hooks{
			Started: func(process string) { p.Say("%s consumes", process) },
			Calling: func(process, what string) func(error) {
				p.Say("%s waits for %s", process, what)
				return func(err error) { p.Say("%s goes on: %v", process, err) }
			},
		}},
	})
}

// byHand asks for a depth.
func byHand(ctx context.Context, p *demo.Part, args []string) (string, error) {
	depth, err := strconv.Atoi(args[0])
	if err != nil {
		return "", fmt.Errorf("depth %q is no number", args[0])
	}
	reach, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := p.Connect(reach, "caller")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := pool.Ask(ctx, conn, depth, false, pool.DefaultTimeout)
	if errors.Is(err, amqprpc.ErrUnroutable) {
		return "", fmt.Errorf("no replica of the pool has ever run on this broker: %w", err)
	}
	return strconv.Itoa(answer), err
}
