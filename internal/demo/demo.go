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
	// Finish is called with the result while the last system and its
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

// Run plays all acts of an example. An error says that they could not be
// played; how they came out is in the result. When Run returns, everything
// that it started is gone.
func Run(ctx context.Context, e Example, cfg Config) (*Result, error) {
	d := newDemo(e, cfg.withDefaults())
	d.narrator.say(introduction, d.result.broker(), e.Cast, short(e.Timeout))
	for i, act := range e.Acts {
		last := i == len(e.Acts)-1
		err := d.onStage(ctx, act.watched, func(ctx context.Context, s *Stage) error {
			if err := d.playAct(ctx, s, act); err != nil || !last {
				return err
			}
			return d.Finish(ctx, d.result)
		})
		if err != nil {
			return d.result, err
		}
	}
	return d.result, nil
}

const introduction = `Broker:  %s
System:  %s
Timeout: %s, for every call`

// demo is an example being played.
type demo struct {
	Config
	example  Example
	tracing  trace.TracerProvider // nobody collects the spans, but verdicts name their traces
	narrator *narrator
	result   *Result
}

func newDemo(e Example, cfg Config) *demo {
	return &demo{
		Config: cfg, example: e,
		tracing:  sdktrace.NewTracerProvider(),
		narrator: &narrator{w: cfg.Out, live: cfg.Live},
		result: &Result{
			Example: e.Name, Broker: place(cfg.URL), Embedded: cfg.Embedded, Started: time.Now(), Passed: true, Phases: []Phase{},
			title: e.Title, subtitle: fmt.Sprintf("%s; calls time out after %s", e.Cast, short(e.Timeout)),
		},
	}
}

// place returns where the broker of a URL is, without who connects.
func place(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return amqpsession.Redact(rawURL)
	}
	u.User = nil
	return u.String()
}

// playAct builds the system of an act and plays its scenes.
func (d *demo) playAct(ctx context.Context, s *Stage, act Act) error {
	play, err := act.open(ctx, s)
	if err != nil {
		return fmt.Errorf("build the system: %w", err)
	}
	if err := s.heard(ctx); err != nil {
		return err
	}
	for i, sc := range act.scenes {
		d.narrator.title("%d/%d  %s", len(d.result.Phases)+1, d.example.scenes(), sc.title)
		if err := s.play(ctx, func(ctx context.Context) error { return play(ctx, i) }); err != nil {
			return fmt.Errorf("play %q: %w", sc.name, err)
		}
		d.judge(sc, s)
	}
	return nil
}

// scenes returns how many scenes the acts have together.
func (e Example) scenes() int {
	n := 0
	for _, act := range e.Acts {
		n += len(act.scenes)
	}
	return n
}

// play plays a scene with a fresh record.
func (s *Stage) play(ctx context.Context, scene func(context.Context) error) error {
	s.recorder.begin()
	defer s.showProgress(ctx)()
	return scene(ctx)
}

// judge adds what came of a scene to the result.
func (d *demo) judge(sc scene, s *Stage) {
	p := newPhase(sc, s.watched)
	seen := s.recorder.phase(&p)
	for _, s := range seen {
		if !s.Again {
			p.Verdicts = append(p.Verdicts, s.explain())
		}
	}
	p.Deadlock = deadlockOf(&p, seen)
	for _, check := range sc.expect {
		e := check(&p, seen)
		p.Expectations = append(p.Expectations, e)
		p.Passed = p.Passed && e.Held
		d.narrator.judged(e)
	}
	d.result.Phases = append(d.result.Phases, p)
	d.result.Passed = d.result.Passed && p.Passed
	d.result.panels = append(d.result.panels, panel(&p, seen))
}

func newPhase(sc scene, watched bool) Phase {
	return Phase{
		Name: sc.name, Title: sc.title, Watched: watched, Passed: true,
		Calls: []Call{}, Crashes: []Crash{}, Events: []Event{}, Waits: []Wait{}, Verdicts: []explain.Verdict{}, Expectations: []Expectation{},
	}
}
