package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// parts are what every program of the example works with.
type parts struct {
	log     *slog.Logger
	tracing *sdktrace.TracerProvider
}

// run parses the command line into flags and runs the program until it is
// interrupted.
func run(flags any, description string, program func(context.Context, parts) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal kills

	kong.Parse(flags, kong.Description(description))
	if err := runTraced(ctx, program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// flushTime is for the last spans, at the end.
const flushTime = 2 * time.Second

func runTraced(ctx context.Context, program func(context.Context, parts) error) error {
	tracing, err := tracerProvider(ctx)
	if err != nil {
		return err
	}
	err = program(ctx, parts{log: slog.New(slog.NewTextHandler(os.Stderr, nil)), tracing: tracing})
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	return errors.Join(err, tracing.Shutdown(flush))
}

func tracerProvider(ctx context.Context) (*sdktrace.TracerProvider, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return sdktrace.NewTracerProvider(), nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export spans: %w", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter)), nil
}

// crashed logs which process did not survive what.
func crashed(log *slog.Logger) func(process string, cause error) {
	return func(process string, cause error) { log.Error("crashed", "process", process, "cause", cause) }
}
