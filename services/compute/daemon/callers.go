package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/waitgraph/waitgraph/services/compute"
)

// callerFlags are the command line of the callers.
type callerFlags struct {
	AMQPURL  string        `name:"amqp-url" env:"AMQP_URL" default:"amqp://guest:guest@localhost:5672/" placeholder:"URL" help:"The broker (${default})."`
	Callers  int           `default:"4" help:"How many ask (${default})."`
	Pause    time.Duration `default:"250ms" help:"How long each of them pauses between two questions, on average (${default})."`
	Cyclic   time.Duration `default:"30s" help:"How often one of them asks for 42, which deadlocks; 0 for never (${default})."`
	Patience time.Duration `default:"30s" help:"How long the broker may be unreachable at the start (${default})."`
}

// Callers asks both services until it is interrupted, and returns the exit
// status.
func Callers() int {
	var f callerFlags
	return run(&f, "Ask ServiceA and ServiceB for this and that, and now and then for 42, which deadlocks.",
		func(ctx context.Context, p parts) error { return compute.RunLoad(ctx, f.config(p)) })
}

func (f callerFlags) config(p parts) compute.LoadConfig {
	return compute.LoadConfig{
		URL: f.AMQPURL, Callers: f.Callers, Pause: f.Pause, Cyclic: f.Cyclic, Patience: f.Patience,
		TracerProvider: p.tracing, Log: p.log,
		Hooks: compute.Hooks{Calling: told(p.log), Crashed: crashed(p.log)},
	}
}

// told logs the questions that were not answered.
func told(log *slog.Logger) func(process, queue string) func(error) {
	return func(process, queue string) func(error) {
		asked := time.Now()
		return func(err error) {
			if err != nil && !errors.Is(err, context.Canceled) {
				log.Warn("no answer", "process", process, "queue", queue, "after", time.Since(asked), "cause", err)
			}
		}
	}
}
