// Package demotest plays examples in tests: in virtual time on the embedded
// broker and in real time on RabbitMQ.
package demotest

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/minibroker"
)

// Play plays the whole example on either broker: every expectation holds, and
// all that can be written of it can be written, these texts among it.
func Play(t *testing.T, e demo.Example, want ...string) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) { play(t, b, e, want) }, append([]string{e.Name}, e.Queues...)...)
}

func play(t *testing.T, b brokertest.Broker, e demo.Example, want []string) {
	t.Helper()
	var told, found bytes.Buffer
	finished := false
	r, err := demo.Run(t.Context(), e, demo.Config{URL: b.URL, Dial: b.Dial, Out: &told, Finish: func(context.Context, *demo.Result) error {
		finished = true
		return nil
	}})
	if err != nil {
		t.Fatalf("Run: %v\n%s", err, told.String())
	}
	if !r.Passed || !finished {
		t.Errorf("passed %t, finished %t:\n%s", r.Passed, finished, told.String())
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
	for _, text := range want {
		if !strings.Contains(found.String(), text) {
			t.Errorf("%q was not written:\n%s", text, found.String())
		}
	}
	if testing.Verbose() {
		t.Log(told.String())
	}
}

// Interrupt plays the example in virtual time and interrupts it after each of
// these times. Whenever that is, it ends and leaves nothing behind: the bubble
// does not end while a goroutine of it lives.
func Interrupt(t *testing.T, e demo.Example, after ...time.Duration) {
	t.Helper()
	for _, d := range after {
		t.Run(d.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { interrupt(t, e, d) })
		})
	}
}

func interrupt(t *testing.T, e demo.Example, after time.Duration) {
	t.Helper()
	b := minibroker.New()
	defer b.Close() //nolint:errcheck // it has none
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	var told bytes.Buffer
	_, err := demo.Run(ctx, e, demo.Config{URL: "amqp://guest:guest@embedded/", Dial: b.Dial, Out: &told})
	if err == nil || ctx.Err() == nil {
		t.Errorf("Run = %v, interrupted %v:\n%s", err, ctx.Err(), told.String())
	}
}
