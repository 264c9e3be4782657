package chokepointplay

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/chokepoint"
	"github.com/waitgraph/waitgraph/services/hooks"
)

const (
	// longer is the lifetime of workers by hand, for people to look at them.
	longer = 30 * time.Second
	// leisure is how long a worker works before it asks another, for people to
	// be quick enough to make two sums cross.
	leisure = 2 * time.Second
	// reach is how long to try to reach the broker of a running system.
	reach = 2 * time.Second
	// look is how often a node looks who else is there, to tell.
	look = 200 * time.Millisecond
)

// node runs one node, and tells which ones are up whenever that changes.
func node(ctx context.Context, p *demo.Part, name string) error {
	cfg := config(p, chokepoint.Cluster, name, chokepoint.Hooks{
		Hooks: hooks.Hooks{
			Started: func(worker string) { p.Say("%s is here", worker) },
			Crashed: func(worker string, cause error) { p.Say("%s crashed: %v", worker, cause) },
		},
		Gone: func(worker string) { p.Say("%s is gone", worker) },
	})
	cfg.Lifetime, cfg.Work = longer, func(string) time.Duration { return leisure }
	n, err := chokepoint.Start(ctx, cfg)
	if err != nil {
		return err
	}
	defer n.Stop()
	var told []string
	for {
		if now := n.Nodes(); !slices.Equal(now, told) {
			p.Say("%s sees %s", name, strings.Join(now, ", "))
			told = now
		}
		if pause.For(ctx, look) != nil {
			return nil
		}
	}
}

// ops are what people can call.
func ops() []demo.Op {
	return []demo.Op{
		{
			Name: "get", Args: "NODE KEY", Help: "ask NODE for the value of KEY",
			Do: asking(func(ctx context.Context, c *chokepoint.Client, args []string) (string, error) {
				v, err := c.Get(ctx, args[0], args[1])
				return v.String(), err
			}),
		},
		{
			Name: "sum", Args: "NODE KEY OTHER", Help: "ask NODE for the sum of two values; within 2 s, ask for that of OTHER and KEY: a deadlock",
			Do: asking(func(ctx context.Context, c *chokepoint.Client, args []string) (string, error) {
				v, err := c.Sum(ctx, args[0], args[1], args[2])
				return v.String(), err
			}),
		},
		{
			Name: "nodes", Args: "NODE", Help: "the nodes that are up, as NODE sees them",
			Do: asking(func(ctx context.Context, c *chokepoint.Client, args []string) (string, error) {
				all, err := c.Nodes(ctx, args[0])
				return strings.Join(all, ", "), err
			}),
		},
	}
}

// asking makes an operation of what a client asks.
func asking(ask func(context.Context, *chokepoint.Client, []string) (string, error)) func(context.Context, *demo.Part, []string) (string, error) {
	return func(ctx context.Context, p *demo.Part, args []string) (string, error) {
		dial, done := context.WithTimeout(ctx, reach)
		defer done()
		conn, err := p.Connect(dial, "caller")
		if err != nil {
			return "", err
		}
		defer conn.Close()
		c := chokepoint.NewClient(conn, chokepoint.ClientConfig{Name: "caller", Agent: p.Agent, Timeout: 2 * chokepoint.DefaultTimeout})
		defer c.Close()
		answer, err := ask(ctx, c, args)
		if err != nil {
			return "", err
		}
		return answer, nil
	}
}
