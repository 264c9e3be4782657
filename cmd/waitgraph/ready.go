package main

import (
	"context"
	"fmt"

	"github.com/waitgraph/waitgraph/detector/client"
	"github.com/waitgraph/waitgraph/detector/explain"
)

type readyCommand struct {
	server
	Live bool `help:"Ask only whether it answers."`
}

// Run asks once. It is for health checks in images that have no shell.
func (r *readyCommand) Run(ctx context.Context) error {
	return r.ask(ctx, func(ctx context.Context, c *client.Client) error {
		ask := c.Ready
		if r.Live {
			ask = c.Live
		}
		answer, err := ask(ctx)
		if err != nil {
			return err
		}
		fmt.Println(explain.Printable(answer))
		return nil
	})
}
