package compute

import (
	"context"
	"fmt"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
)

// RunWatched is Run with an agent of its own, whose reports go to the same
// broker: all that a service does to be watched by waitgraph.
func RunWatched(ctx context.Context, cfg Config) error {
	agent, err := tracing.New(tracing.Config{Service: cfg.Service.Name()})
	if err != nil {
		return fmt.Errorf("start agent: %w", err)
	}
	defer agent.Close()
	// The reports go on until the replica has stopped, so that its end is told.
	stop, err := amqpexport.Start(context.WithoutCancel(ctx), agent, amqpexport.Config{URL: cfg.URL, Dial: cfg.Dial, Log: cfg.Log})
	if err != nil {
		return fmt.Errorf("start agent: %w", err)
	}
	defer stop()
	cfg.Agent = agent
	return Run(ctx, cfg)
}
