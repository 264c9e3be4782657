package poolplay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/services/pool"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// system is a pool with callers, all of whom live in one part.
type system struct {
	stage   *demo.Stage
	layered bool
	agent   *tracing.Agent
	conn    *amqprpc.Conn
	work    atomic.Pointer[func(depth int) time.Duration]
}

// build returns what starts callers, and replicas 1, 2, … of the pool.
func build(replicas ...pool.Config) func(context.Context, *demo.Stage) (*system, error) {
	return func(ctx context.Context, stage *demo.Stage) (*system, error) {
		s := &system{stage: stage}
		s.working(nil)
		if err := s.call(ctx); err != nil {
			return nil, err
		}
		for i, cfg := range replicas {
			s.layered = cfg.Layered
			cfg.Replica = i + 1
			s.start(cfg)
			if err := stage.Complete(ctx, workers(cfg)...); err != nil {
				return nil, err
			}
		}
		return s, nil
	}
}

// call starts the part in which the callers live.
func (s *system) call(ctx context.Context) error {
	ready := make(chan struct{})
	s.stage.Go("caller", func(ctx context.Context, p *demo.Part) error {
		conn, err := p.Connect(ctx, "caller")
		if err != nil {
			return err
		}
		defer conn.Close()
		s.conn, s.agent = conn, p.Agent
		close(ready)
		<-ctx.Done()
		return ctx.Err()
	})
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start runs a replica.
func (s *system) start(cfg pool.Config) *demo.Part {
	return s.stage.Go("pool", func(ctx context.Context, p *demo.Part) error {
		cfg.Agent = p.Agent
		return pool.Run(ctx, s.on(p, cfg))
	})
}

// stranger runs a replica that waitgraph knows nothing of.
func (s *system) stranger(cfg pool.Config) *demo.Part {
	return s.stage.Go("stranger", func(ctx context.Context, p *demo.Part) error { return pool.Run(ctx, s.on(p, cfg)) })
}

func (s *system) on(p *demo.Part, cfg pool.Config) pool.Config {
	cfg.URL, cfg.Dial, cfg.TracerProvider, cfg.Log = p.URL, p.Dial, p.TracerProvider, p.Log
	cfg.Hooks = pool.Hooks{Hooks: hooks.Hooks{Started: s.stage.Started, Calling: func(process, what string) func(error) {
		s.stage.Started(process) // if it is that of a request
		return s.stage.Calling(process, what)
	}}}
	if cfg.Work == nil {
		cfg.Work = func(depth int) time.Duration { return (*s.work.Load())(depth) }
	}
	return cfg
}

// workers returns the names of a replica's processes.
func workers(cfg pool.Config) []string {
	var names []string
	prefixes := []string{""}
	if cfg.Layered {
		prefixes = nil
		for depth := range pool.MaxDepth + 1 {
			prefixes = append(prefixes, strconv.Itoa(depth)+".")
		}
	}
	n := cfg.Workers
	if cfg.Form != pool.Consumers {
		n = 1 // a server
	}
	for _, prefix := range prefixes {
		for i := range n {
			names = append(names, fmt.Sprintf("worker:%s%d.%d", prefix, cfg.Replica, i+1))
		}
	}
	return names
}

// working makes the workers work so long on a request, nil for not at all.
func (s *system) working(work func(depth int) time.Duration) {
	if work == nil {
		work = func(int) time.Duration { return 0 }
	}
	s.work.Store(&work)
}

// ask asks the pool in the name of a caller.
func (s *system) ask(ctx context.Context, caller string, depth int) error {
	return s.stage.Ask(ctx, caller, request(caller, depth), func(ctx context.Context) (string, error) {
		process := s.agent.Process(caller)
		defer process.Stop()
		ended := s.stage.Calling(caller, pool.QueueOf(depth, s.layered))
		answer, err := pool.Ask(tracing.WithProcess(ctx, process), s.conn, depth, s.layered, pool.DefaultTimeout)
		ended(err)
		return strconv.Itoa(answer), err
	})
}

// together asks for depth 1 in the name of several callers at once.
func (s *system) together(ctx context.Context, callers ...string) error {
	done := make(chan error, len(callers))
	for _, c := range callers {
		go func() { done <- s.ask(ctx, c, 1) }()
	}
	var all []error
	for range callers {
		all = append(all, <-done)
	}
	return errors.Join(all...)
}

// request is how a request is written.
func request(caller string, depth int) string { return fmt.Sprintf("%s: pool(%d)", caller, depth) }
