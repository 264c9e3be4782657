package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// reachTime is how long to try to reach the broker of a running system.
const reachTime = 2 * time.Second

// Ask asks a running system from outside what ID computes to. It is watched
// like the system, so that a verdict can name it.
func Ask(ctx context.Context, url string, service compute.Service, id int64, log *slog.Logger) (int64, error) {
	agent, err := tracing.New(tracing.Config{Service: caller})
	if err != nil {
		return 0, fmt.Errorf("start agent: %w", err)
	}
	defer agent.Close()
	stop, err := amqpexport.Start(ctx, agent, amqpexport.Config{URL: url, Log: log})
	if err != nil {
		return 0, fmt.Errorf("start agent: %w", err)
	}
	defer stop()
	reach, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := amqprpc.Dial(reach, amqprpc.Config{URL: url, Name: caller, Agent: agent, Log: log}, amqprpc.WithTracerProvider(sdktrace.NewTracerProvider()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	answer, err := compute.Ask(ctx, conn, service, id)
	if errors.Is(err, amqprpc.ErrUnroutable) {
		return 0, fmt.Errorf("no replica of %s has ever run on this broker: %w", service.Name(), err)
	}
	return answer, err
}
