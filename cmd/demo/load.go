package main

import (
	"context"
	"fmt"
	"os"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/demo/clusterplay"
)

type loadCommand struct {
	URL      string `arg:"" help:"What to get."`
	Requests int    `short:"n" default:"1000" help:"How many requests (${default})."`
	InFlight int    `short:"c" default:"50" help:"How many at a time, at most (${default})."`
	Nodes    int    `default:"3" help:"How many nodes to start if none is running (${default})."`
}

// Run puts the load on and prints the summary.
func (l *loadCommand) Run(ctx context.Context, c *commands) error {
	cfg := demo.Config{URL: c.AMQPURL, Log: c.log()}
	if cfg.URL == "" {
		broker, err := demo.StartBroker(ctx)
		if err != nil {
			return err
		}
		defer broker.Close() //nolint:errcheck // nothing of it outlives the process
		cfg.URL = broker.URL
	}
	sum, err := clusterplay.PutLoad(ctx, cfg, clusterplay.Load{
		URL: l.URL, Requests: l.Requests, InFlight: l.InFlight, Nodes: l.Nodes, Bar: os.Stderr,
	})
	if sum.Total > 0 {
		fmt.Print(sum)
	}
	return err
}
