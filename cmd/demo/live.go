package main

import (
	"context"
	"sync"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/internal/scenario/live"
)

// atOnce is how many runs are under way at a time: each spends most of its time
// waiting, and yet they must not keep one another from being in time.
const atOnce = 16

// really plays the scenarios on services over a broker, several at a time, and
// then tells of all.
func (s *scenarioCommand) really(ctx context.Context, c *commands, all []*scenario.Scenario) ([]*scenario.Total, error) {
	cfg := live.Config{URL: c.AMQPURL, Log: c.log()}
	if cfg.URL == "" {
		broker, err := demo.StartBroker(ctx)
		if err != nil {
			return nil, err
		}
		defer broker.Close() //nolint:errcheck // nothing of it outlives the process
		cfg.URL = broker.URL
	}
	stage, err := live.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer stage.Close()
	totals, err := s.playAll(ctx, stage, all)
	if err != nil {
		return nil, err
	}
	for i, t := range totals {
		if err := s.tell(all[i], t); err != nil {
			return nil, err
		}
	}
	return totals, nil
}

// playAll plays every scenario as many times as it is told to.
func (s *scenarioCommand) playAll(ctx context.Context, stage *live.Stage, all []*scenario.Scenario) ([]*scenario.Total, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lanes := make(chan struct{}, atOnce)
	play := func(ctx context.Context, one *scenario.Scenario, seed uint64) (*scenario.Run, error) {
		select {
		case lanes <- struct{}{}:
			defer func() { <-lanes }()
			return stage.Play(ctx, one, seed)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	totals := make([]*scenario.Total, len(all))
	progress := count(bar("on services over a broker", s.Runs*len(all)))
	var playing sync.WaitGroup
	for i, one := range all {
		playing.Go(func() {
			var err error
			totals[i], err = scenario.PlayMany(ctx, one, scenario.Series{
				Seed: s.Seed, Runs: s.Runs, Lanes: atOnce, Progress: progress, Play: play,
			})
			if err != nil {
				stop(err)
			}
		})
	}
	playing.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return totals, nil
}

// count makes progress of one thing out of that of several.
func count(progress func(done int)) func(int) {
	if progress == nil {
		return nil
	}
	var lock sync.Mutex
	done := 0
	return func(int) {
		lock.Lock()
		defer lock.Unlock()
		done++
		progress(done)
	}
}
