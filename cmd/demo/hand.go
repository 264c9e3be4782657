package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/waitgraph/waitgraph/internal/demo"
)

type nodeCommand struct {
	Example string `arg:"" help:"Which example: see list."`
	Name    string `arg:"" help:"The node's name: see list."`
}

// Run runs the node until it is interrupted.
func (n *nodeCommand) Run(ctx context.Context, c *commands) error {
	e, cfg, err := c.byHand(n.Example)
	if err != nil {
		return err
	}
	if err := demo.RunNode(ctx, e, cfg, n.Name); ctx.Err() == nil {
		return err
	}
	return nil
}

type callCommand struct {
	Example string   `arg:"" help:"Which example: see list."`
	Op      string   `arg:"" help:"What to ask for: see list."`
	Args    []string `arg:"" optional:"" help:"With what."`
}

// Run asks and prints the answer.
func (a *callCommand) Run(ctx context.Context, c *commands) error {
	e, cfg, err := c.byHand(a.Example)
	if err != nil {
		return err
	}
	answer, err := demo.CallOp(ctx, e, cfg, a.Op, a.Args)
	if err != nil {
		return err
	}
	fmt.Println(answer)
	return nil
}

// byHand returns what it takes to play an example by hand.
func (c *commands) byHand(name string) (demo.Example, demo.Config, error) {
	e, err := example(name)
	if err == nil && c.AMQPURL == "" {
		err = errors.New("where is the system? Name its broker with --amqp-url or AMQP_URL")
	}
	return e, demo.Config{URL: c.AMQPURL, Out: os.Stdout, Log: c.log()}, err
}
