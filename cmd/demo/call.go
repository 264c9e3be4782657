package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/compute"
)

type callCommand struct {
	Service string `arg:"" enum:"a,b" help:"Which service to ask: a or b."`
	ID      int64  `arg:"" help:"What to ask for: 1 to 60; 42 deadlocks."`
}

// Run asks and prints the answer.
func (a *callCommand) Run(ctx context.Context, c *commands) error {
	if c.AMQPURL == "" {
		return errors.New("where is the system? Name its broker with --amqp-url or AMQP_URL")
	}
	answer, err := demo.Ask(ctx, c.AMQPURL, compute.Service(a.Service), a.ID, c.log())
	if err != nil {
		return err
	}
	fmt.Printf("compute(%d) = %d\n", a.ID, answer)
	return nil
}
