package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/waitgraph/waitgraph/internal/demo"
)

type playCommand struct {
	Example  string `arg:"" optional:"" help:"Which example: see list."`
	Format   string `enum:"text,json" default:"text" help:"What to print: ${enum}."`
	Timeline string `default:"out/demo.svg" placeholder:"FILE" help:"Where to write the timeline; empty for nowhere (${default})."`
	Serve    bool   `help:"Keep system and detector up afterwards."`
	Listen   string `default:"127.0.0.1:8055" placeholder:"ADDR" help:"Address of the detector's HTTP API while serving (${default})."`
}

// Run plays the example.
func (p *playCommand) Run(ctx context.Context, c *commands) error {
	e, err := example(p.Example)
	if err != nil {
		return err
	}
	cfg := demo.Config{URL: c.AMQPURL, Out: p.narration(), Live: isTerminal(p.narration()), Log: c.log()}
	if p.Serve {
		cfg.Listen = p.Listen
	}
	if cfg.URL == "" {
		broker, err := demo.StartBroker(ctx)
		if err != nil {
			return err
		}
		defer broker.Close() //nolint:errcheck // nothing of it outlives the process
		cfg.URL, cfg.Embedded = broker.URL, true
	}
	cfg.Finish = func(ctx context.Context, r *demo.Result) error { return p.finish(ctx, e, cfg, r) }
	result, err := demo.Run(ctx, e, cfg)
	if err != nil {
		return err
	}
	if !result.Passed {
		return errNotHeld
	}
	return nil
}

// finish reports the result and, if told to serve, waits for the interrupt.
func (p *playCommand) finish(ctx context.Context, e demo.Example, cfg demo.Config, r *demo.Result) error {
	if err := p.writeTimeline(r); err != nil {
		return err
	}
	if p.Format == "json" {
		if err := r.WriteJSON(os.Stdout); err != nil {
			return err
		}
	} else if err := r.WriteText(os.Stdout); err != nil {
		return err
	}
	if !p.Serve {
		return nil
	}
	if _, err := fmt.Fprintf(cfg.Out, serving, cfg.URL, cfg.Listen, e.Name); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	<-ctx.Done()
	return nil
}

const serving = `
The system and the detector stay up until Ctrl-C.
  ask      go run ./cmd/demo --amqp-url=%[1]s call %[3]s OP ARGS...   (see: go run ./cmd/demo list)
  verdicts http://%[2]s/api/v1/deadlocks
  graph    http://%[2]s/api/v1/graph
  metrics  http://%[2]s/metrics
`

func (p *playCommand) writeTimeline(r *demo.Result) error {
	if p.Timeline == "" {
		return nil
	}
	var picture bytes.Buffer
	if err := r.WriteTimeline(&picture); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.Timeline), 0o755); err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	if err := os.WriteFile(p.Timeline, picture.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	r.Timeline = p.Timeline
	return nil
}

// narration returns where to tell what happens: standard output belongs to
// the JSON object if there is one.
func (p *playCommand) narration() *os.File {
	if p.Format == "json" {
		return os.Stderr
	}
	return os.Stdout
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (c *commands) log() *slog.Logger {
	if c.Verbose {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}
