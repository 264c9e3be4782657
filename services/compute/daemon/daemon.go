// Package daemon is the command lines of the example: of a replica, which is all
// that servicea and serviceb share, and of those who call them.
//
// Spans go to the OTLP endpoint of OpenTelemetry's own environment variables,
// OTEL_EXPORTER_OTLP_ENDPOINT and its kin, or nowhere if there is none.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/services/compute"
)

// flags are the command line.
type flags struct {
	AMQPURL   string        `name:"amqp-url" env:"AMQP_URL" default:"amqp://guest:guest@localhost:5672/" placeholder:"URL" help:"The broker (${default})."`
	Replica   int           `default:"1" help:"Number of this replica (${default})."`
	IDs       idRange       `name:"ids" placeholder:"FIRST-LAST" help:"Host the server processes of these IDs, as in 1-30. Without it the replicas toss for each ID."`
	Work      time.Duration `default:"0s" help:"How long a server process works before it asks or answers (${default})."`
	Patience  time.Duration `default:"30s" help:"How long the broker may be unreachable at the start (${default})."`
	Unwatched bool          `help:"Run without waitgraph."`
}

// Main runs one replica of the service until it is interrupted, and returns the
// exit status.
func Main(service compute.Service) int {
	var f flags
	return run(&f, "One replica of "+service.Name()+", an example that deadlocks.", func(ctx context.Context, p parts) error {
		if f.Unwatched {
			return compute.Run(ctx, f.config(service, p))
		}
		return compute.RunWatched(ctx, f.config(service, p))
	})
}

func (f flags) config(service compute.Service, p parts) compute.Config {
	return compute.Config{
		Service: service, Replica: f.Replica, URL: f.AMQPURL, IDs: f.IDs, Log: p.log,
		Patience: f.Patience, TracerProvider: p.tracing,
		Work: func(int64) time.Duration { return f.Work },
		Hooks: compute.Hooks{
			Started: func(process string) { p.log.Info("started", "process", process) },
			Crashed: crashed(p.log),
		},
	}
}

// idRange is a flag of the form first-last.
type idRange []int64

var errRange = errors.New("want FIRST-LAST, as in 1-30")

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *idRange) UnmarshalText(text []byte) error {
	from, to, ok := strings.Cut(string(text), "-")
	first, err := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	if !ok || err != nil || err2 != nil || first < 1 || last < first || last > compute.MaxID {
		return fmt.Errorf("%q: %w, within 1 to %d", text, errRange, compute.MaxID)
	}
	for id := first; id <= last; id++ {
		*r = append(*r, id)
	}
	return nil
}
