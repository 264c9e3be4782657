package amqprpc_test

import (
	"testing"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// newAgent returns an agent whose reports nobody ships.
func newAgent(tb testing.TB) *tracing.Agent {
	tb.Helper()
	agent, err := tracing.New(tracing.Config{Service: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(agent.Close)
	return agent
}

// reported returns the states that the agent has to report.
func reported(agent *tracing.Agent) []report.State { return agent.Collect(1 << 20).States }
