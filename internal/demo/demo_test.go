package demo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/services/compute/computetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The whole demo, in virtual time on the embedded broker and in real time on
// RabbitMQ: every expectation holds, and all that it can print can be printed.
func TestDemo(t *testing.T) {
	computetest.OnEach(t, func(t *testing.T, b computetest.Broker) {
		var told, found bytes.Buffer
		finished := false
		r, err := Run(t.Context(), Config{URL: b.URL, Dial: b.Dial, Out: &told, Finish: func(context.Context, *Result) error {
			finished = true
			return nil
		}})
		if err != nil {
			t.Fatalf("Run: %v\n%s", err, told.String())
		}
		if !r.Passed || !finished {
			t.Errorf("passed %t, finished %t:\n%s", r.Passed, finished, told.String())
		}
		if got, want := len(r.Phases), len(phases()); got != want {
			t.Errorf("played %d phases, want %d", got, want)
		}
		for _, write := range []func() error{
			func() error { return r.WriteText(&found) },
			func() error { return r.WriteJSON(&found) },
			func() error { return r.WriteTimeline(&found) },
		} {
			if err := write(); err != nil {
				t.Error(err)
			}
		}
		for _, want := range []string{"caller, server_a:42, server_b:42", `"confirmed_after_seconds"`, "deadlock confirmed</text>"} {
			if !strings.Contains(found.String(), want) {
				t.Errorf("%q was not written:\n%s", want, found.String())
			}
		}
		if t.Failed() || testing.Verbose() {
			t.Log(told.String())
		}
	})
}

// Whenever it is interrupted, the demo ends and leaves nothing behind: the
// bubble does not end while a goroutine of it lives.
func TestInterrupted(t *testing.T) {
	for _, after := range []time.Duration{
		0, time.Millisecond, 4 * time.Second, 5*time.Second + head, 6 * time.Second, 8 * time.Second, 13 * time.Second, 18 * time.Second,
	} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := minibroker.New()
				defer b.Close()
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				var told bytes.Buffer
				_, err := Run(ctx, Config{URL: "amqp://guest:guest@embedded/", Dial: b.Dial, Out: &told})
				if err == nil || ctx.Err() == nil {
					t.Errorf("Run = %v, interrupted %v:\n%s", err, ctx.Err(), told.String())
				}
			})
		})
	}
}

// A broker without anybody behind it is one clear sentence.
func TestUnreachableBroker(t *testing.T) {
	_, err := Run(t.Context(), Config{URL: "amqp://guest:secret@127.0.0.1:1/", Out: new(bytes.Buffer)})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("Run = %v", err)
	}
}

// Further deadlocks of the same system, judged like the phases.
func TestScenarios(t *testing.T) {
	for _, p := range []phase{
		{
			name: "B asked directly", watched: true, work: before(head),
			play: func(ctx context.Context, s *stage) error {
				if err := s.ask(ctx, caller, compute.B, 42); err != nil {
					return err
				}
				return s.afterwards(ctx)
			},
			expect: []check{
				cycle(caller, consumerB), inBand(true), early,
				crash(caller, serverA, serverB), ownTimeouts, onceEach, answer(1, 1_000_001), resolved,
			},
		},
		{
			name: "compute(1) behind the deadlock", watched: true, work: before(head),
			play: behind,
			expect: []check{
				cycle(caller, otherCaller, consumerA), early,
				crash(caller, serverA, serverB), ownTimeouts, onceEach, answer(1, 1_000_001), resolved,
			},
		},
	} {
		t.Run(p.name, func(t *testing.T) {
			computetest.OnEach(t, func(t *testing.T, b computetest.Broker) { judgeOne(t, b, p) })
		})
	}
}

// behind asks for 1 while both consumers of A are blocked.
func behind(ctx context.Context, s *stage) error {
	asked := make(chan error, 1)
	go func() { asked <- s.ask(ctx, caller, compute.A, 42) }()
	handed := func() bool {
		n := 0
		for _, w := range s.recorder.waits {
			if w.For == serverA {
				n++
			}
		}
		return n == 2
	}
	err := errors.Join(s.recorder.await(ctx, handed), s.ask(ctx, otherCaller, compute.A, 1), <-asked)
	if err != nil {
		return err
	}
	return s.afterwards(ctx)
}

// judgeOne plays a single phase on a stage of its own.
func judgeOne(t *testing.T, b computetest.Broker, p phase) {
	var told bytes.Buffer
	cfg := Config{URL: b.URL, Dial: b.Dial, Out: &told}.withDefaults()
	d := &demo{Config: cfg, tracing: sdktrace.NewTracerProvider(), narrator: &narrator{w: &told}, result: &Result{Passed: true}}
	err := d.onStage(t.Context(), p.watched, func(ctx context.Context, s *stage) error {
		if err := s.play(ctx, p); err != nil {
			return err
		}
		d.judge(p, s.recorder)
		return nil
	})
	if err != nil || !d.result.Passed {
		t.Errorf("%v:\n%s", err, told.String())
	}
}
