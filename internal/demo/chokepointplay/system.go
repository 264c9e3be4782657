package chokepointplay

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/chokepoint"
	"github.com/waitgraph/waitgraph/services/hooks"
)

// system is three nodes and those who ask them.
type system struct {
	stage   *demo.Stage
	parts   map[string]*demo.Part // by node
	callers []*chokepoint.Client
}

// caller returns the name of one of those who ask.
func caller(i int) string { return fmt.Sprintf("caller_%d", i+1) }

// build starts the nodes, and those who ask.
func build(work, lifetime time.Duration, outside bool) func(context.Context, *demo.Stage) (*system, error) {
	return func(ctx context.Context, stage *demo.Stage) (*system, error) {
		s := &system{stage: stage, parts: make(map[string]*demo.Part)}
		for _, name := range nodes {
			s.startNode(name, work, lifetime, outside)
		}
		cast := slices.Clone(nodes)
		s.callers = make([]*chokepoint.Client, crowd)
		if err := s.startCallers(ctx); err != nil {
			return nil, err
		}
		for i := range crowd {
			cast = append(cast, caller(i))
		}
		return s, stage.Complete(ctx, cast...)
	}
}

// startNode starts a node, which is there when it sees all others.
func (s *system) startNode(name string, work, lifetime time.Duration, outside bool) {
	s.parts[name] = s.stage.Go(name, func(ctx context.Context, p *demo.Part) error {
		cfg := config(p, playCluster, name, s.hooks(ctx))
		cfg.Lifetime, cfg.Timeout, cfg.Outside = lifetime, timeout, outside
		cfg.Work = func(string) time.Duration { return work }
		n, err := chokepoint.Start(ctx, cfg)
		if err != nil {
			return err
		}
		defer n.Stop()
		for !slices.Equal(n.Nodes(), nodes) {
			if err := pause.For(ctx, time.Millisecond); err != nil {
				return err
			}
		}
		s.stage.Started(name)
		<-ctx.Done()
		return nil
	})
}

// config makes a part a node.
func config(p *demo.Part, cluster, name string, hooks chokepoint.Hooks) chokepoint.Config {
	return chokepoint.Config{
		Node: name, Cluster: cluster, URL: p.URL, Dial: p.Dial, Agent: p.Agent,
		TracerProvider: p.TracerProvider, Hooks: hooks, Log: p.Log,
	}
}

// hooks tell what a part does until its context ends.
func (s *system) hooks(ctx context.Context) chokepoint.Hooks {
	return chokepoint.Hooks{
		Hooks: hooks.Hooks{
			Started: s.stage.Started, Calling: s.stage.Calling,
			// Nobody starts a worker again before somebody asks for its key.
			Crashed: func(worker string, cause error) {
				s.stage.Crashed(worker, cause)
				s.stage.Started(worker)
			},
		},
		Gone: func(worker string) {
			if ctx.Err() == nil {
				s.stage.Happened(worker, "is gone")
			}
		},
	}
}

// startCallers starts those who ask, on a connection of their own.
func (s *system) startCallers(ctx context.Context) error {
	ready := make(chan struct{})
	s.stage.Go("callers", func(ctx context.Context, p *demo.Part) error {
		conn, err := p.Connect(ctx, "callers")
		if err != nil {
			return err
		}
		defer conn.Close()
		for i := range s.callers {
			s.callers[i] = chokepoint.NewClient(conn, chokepoint.ClientConfig{
				Name: caller(i), Cluster: playCluster, Agent: p.Agent, Timeout: timeout, Hooks: s.hooks(ctx),
			})
			defer s.callers[i].Close()
		}
		close(ready)
		<-ctx.Done()
		return nil
	})
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// get makes a caller ask a node for a key.
func (s *system) get(ctx context.Context, i int, node, key string) error {
	return s.stage.Ask(ctx, caller(i), getting(node, key), func(ctx context.Context) (string, error) {
		v, err := s.callers[i].Get(ctx, node, key)
		return v.String(), err
	})
}

// sum makes a caller ask a node for the sum of two keys.
func (s *system) sum(ctx context.Context, i int, node, key, with string) error {
	return s.stage.Ask(ctx, caller(i), summing(node, key, with), func(ctx context.Context) (string, error) {
		v, err := s.callers[i].Sum(ctx, node, key, with)
		return v.String(), err
	})
}

// cross makes two callers ask for sums that cross, of keys that have workers.
func (s *system) cross(ctx context.Context) error {
	if err := s.get(ctx, 0, "n1", "1"); err != nil {
		return err
	}
	if err := s.get(ctx, 1, "n1", "2"); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.sum(gctx, 0, "n1", "1", "2") })
	g.Go(func() error { return s.sum(gctx, 1, "n1", "2", "1") })
	return g.Wait()
}

func getting(node, key string) string       { return node + ".get(" + key + ")" }
func summing(node, key, with string) string { return node + ".sum(" + key + ", " + with + ")" }
