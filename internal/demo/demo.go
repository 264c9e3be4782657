package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
	"github.com/waitgraph/waitgraph/services/compute"
)

// Config says where to play and whom to tell.
type Config struct {
	URL      string                                       // of the broker
	Embedded bool                                         // the broker runs in this OS process
	Dial     func(network, addr string) (net.Conn, error) // nil: TCP
	Listen   string                                       // address of the sidecar's HTTP API; empty: none
	Out      io.Writer                                    // is told what happens
	Live     bool                                         // Out is a terminal
	Log      *slog.Logger                                 // of all parts; nil: discarded
	// Finish is called with the result while the last system and the
	// detector are still up; they stop when it returns. Nil: they stop.
	Finish func(ctx context.Context, r *Result) error
}

func (cfg Config) withDefaults() Config {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Finish == nil {
		cfg.Finish = func(context.Context, *Result) error { return nil }
	}
	return cfg
}

// Run plays all phases. An error says that they could not be played; how they
// came out is in the result. When Run returns, everything that it started is
// gone.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	cfg = cfg.withDefaults()
	d := &demo{
		Config:   cfg,
		tracing:  sdktrace.NewTracerProvider(),
		narrator: &narrator{w: cfg.Out, live: cfg.Live},
		result:   &Result{Broker: place(cfg.URL), Embedded: cfg.Embedded, Started: time.Now(), Passed: true},
	}
	d.narrator.say(introduction, d.result.broker(), compute.MaxID, short(compute.DefaultTimeout))
	err := d.onStage(ctx, false, d.playAll)
	if err == nil {
		err = d.onStage(ctx, true, func(ctx context.Context, s *stage) error {
			if err := d.playAll(ctx, s); err != nil {
				return err
			}
			return cfg.Finish(ctx, d.result)
		})
	}
	return d.result, err
}

const introduction = `Broker:  %s
System:  two replicas each of ServiceA and ServiceB, %d server processes each
Timeout: %s, for every call`

// place returns where the broker of a URL is, without who connects.
func place(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return amqpsession.Redact(rawURL)
	}
	u.User = nil
	return u.String()
}

// demo is a demo being played.
type demo struct {
	Config
	tracing  trace.TracerProvider // nobody collects the spans, but verdicts name their traces
	narrator *narrator
	result   *Result
}

// playAll plays the phases for this kind of stage.
func (d *demo) playAll(ctx context.Context, s *stage) error {
	all := phases()
	for i, p := range all {
		if p.watched != s.watched {
			continue
		}
		d.narrator.title("%d/%d  %s", i+1, len(all), p.title)
		if err := s.play(ctx, p); err != nil {
			return fmt.Errorf("play phase %q: %w", p.name, err)
		}
		d.judge(p, s.recorder)
	}
	return nil
}

// judge adds a phase to the result.
func (d *demo) judge(p phase, r *recorder) {
	out := newPhase(p)
	seen := r.copyTo(&out)
	for _, s := range seen {
		if !s.Again {
			out.Verdicts = append(out.Verdicts, s.explain())
		}
	}
	out.Deadlock = deadlockOf(&out, seen)
	for _, check := range p.expect {
		e := check(&out, seen)
		out.Expectations = append(out.Expectations, e)
		out.Passed = out.Passed && e.Held
		d.narrator.judged(e)
	}
	d.result.Phases = append(d.result.Phases, out)
	d.result.Passed = d.result.Passed && out.Passed
	d.result.panels = append(d.result.panels, panel(&out, seen))
}

func newPhase(p phase) Phase {
	return Phase{
		Name: p.name, Title: p.title, Watched: p.watched, Passed: true,
		Calls: []Call{}, Crashes: []Crash{}, Waits: []Wait{}, Verdicts: []explain.Verdict{}, Expectations: []Expectation{},
	}
}
