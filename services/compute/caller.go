package compute

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Caller is a process outside the services that asks them, as brittle as a
// server process: when a call times out, it crashes and a supervisor starts it
// again.
type Caller struct {
	name     string
	agent    *tracing.Agent
	producer producer
	log      *slog.Logger
	jobs     chan job
}

// CallerConfig describes a Caller.
type CallerConfig struct {
	Name    string
	Agent   *tracing.Agent // nil: not observed by waitgraph
	Timeout time.Duration  // of calls; 0: DefaultTimeout
	Hooks   Hooks
	Log     *slog.Logger // nil: discarded
}

// job is one question and where its answer goes.
type job struct {
	service Service
	id      int64
	done    chan<- outcome // has room for it
}

type outcome struct {
	answer int64
	err    error
}

// NewCaller returns a process that asks over conn once Run runs.
func NewCaller(conn *amqprpc.Conn, cfg CallerConfig) *Caller {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Caller{
		name: cfg.Name, agent: cfg.Agent, log: cfg.Log, jobs: make(chan job),
		producer: producer{conn: conn, timeout: cfg.Timeout, hooks: cfg.Hooks.Filled()},
	}
}

// Ask makes the process ask a service what ID computes to. The process does
// one thing at a time; others wait for their turn, or until ctx ends.
func (c *Caller) Ask(ctx context.Context, service Service, id int64) (int64, error) {
	done := make(chan outcome, 1)
	select {
	case c.jobs <- job{service: service, id: id, done: done}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Run supervises the process until ctx ends.
func (c *Caller) Run(ctx context.Context) {
	s := supervisor(c.name, c.log)
	s.Add(c)
	_ = s.Serve(ctx) // it ends with ctx and for no other reason
}

// Serve implements suture.Service: one life of the process.
func (c *Caller) Serve(ctx context.Context) error {
	process := c.agent.Process(c.name)
	defer process.Stop()
	c.producer.hooks.Started(c.name)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case j := <-c.jobs:
			answer, err := c.producer.ask(tracing.WithProcess(ctx, process), c.name, j.service.Queue(), j.id)
			crash := errors.Is(err, amqprpc.ErrTimeout)
			if crash {
				process.Crash()
				c.producer.hooks.Crashed(c.name, err)
			}
			j.done <- outcome{answer, err}
			if crash {
				return err
			}
		}
	}
}

// String names the process to its supervisor.
func (c *Caller) String() string { return c.name }
