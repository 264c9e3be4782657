package demo

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// runDetector runs the sidecar, whose announcements go to the recorder.
func (d *demo) runDetector(ctx context.Context, r *recorder) error {
	return sidecar.Run(ctx, sidecar.Config{
		URL: d.URL, Dial: d.Dial, MustConnect: true, Listen: d.Listen, Log: d.Log, OnVerdict: r.announced,
	})
}

// startCallers starts those who ask, on a connection of their own.
func (d *demo) startCallers(ctx context.Context, all *errgroup.Group, s *stage) error {
	var agent *tracing.Agent
	stop := func() {}
	if s.watched {
		var err error
		if agent, err = tracing.New(tracing.Config{Service: "callers"}); err != nil {
			return fmt.Errorf("start agent: %w", err)
		}
		if stop, err = amqpexport.Start(context.WithoutCancel(ctx), agent, amqpexport.Config{URL: d.URL, Dial: d.Dial, Log: d.Log}); err != nil {
			return fmt.Errorf("start agent: %w", err)
		}
	}
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{URL: d.URL, Dial: d.Dial, Name: "callers", Agent: agent, Log: d.Log}, amqprpc.WithTracerProvider(d.tracing))
	if err != nil {
		stop()
		return fmt.Errorf("connect callers: %w", err)
	}
	for _, name := range []string{caller, otherCaller} {
		s.callers[name] = compute.NewCaller(conn, compute.CallerConfig{Name: name, Agent: agent, Hooks: s.recorder.hooks(), Log: d.Log})
	}
	all.Go(func() error {
		defer agent.Close()
		defer stop()
		defer conn.Close()
		return s.runCallers(ctx)
	})
	return nil
}

func (s *stage) runCallers(ctx context.Context) error {
	var callers errgroup.Group
	for _, c := range s.callers {
		callers.Go(func() error {
			c.Run(ctx)
			return nil
		})
	}
	return callers.Wait()
}
