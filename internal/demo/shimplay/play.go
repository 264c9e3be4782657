package shimplay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/shim"
)

// Example returns the example.
func Example() demo.Example {
	return demo.Example{
		Name:    "shim",
		Title:   "An engine and its shim wait for each other through a bounded buffer",
		Cast:    "an engine and a shim, whose timeout was an hour where people met it",
		Timeout: timeout,
		Queues:  []string{shim.Requests, shim.Answers},
		Acts: []demo.Act{
			demo.NewAct(demo.Watched, build(shim.Joined), alone, meanwhile),
			demo.NewAct(demo.Watched, build(shim.Joined), loaded),
			demo.NewAct(demo.Watched, build(shim.Apart), apart, slow),
		},
		Node: node, Nodes: "engine; joined or apart: the shim, with the bug or without, for clients on " + address,
		Ops: []demo.Op{{Name: "fetch", Args: "COUNT", Help: "stream so many items from the shim and, meanwhile, one more: more than the buffer holds deadlock it", Do: byHand}},
	}
}

const (
	large = 10 * shim.Space // items: more than the buffer holds
	head  = 50 * time.Millisecond
)

// core is what waits for each other.
var core = []string{shim.Engine, shim.Intake, shim.Receive}

type scene = demo.Scene[*system]

var (
	alone = scene{
		Name: "alone", Title: "A client asks for more than the buffer holds, and for nothing else",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("served")
			return s.with(ctx, 0, func(c *shim.Client) error {
				return errors.Join(s.fetch(ctx, c, "client", large), stage.Settle(ctx))
			})
		},
		Expect: []demo.Check{demo.Answer(request("client", large), items(large)), demo.Silence},
	}
	meanwhile = scene{
		Name: "meanwhile", Title: "The same, and one more request meanwhile",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("the shim exits")
			return s.with(ctx, 0, func(c *shim.Client) error {
				return errors.Join(s.both(ctx, c), stage.Settle(ctx))
			})
		},
		Expect: []demo.Check{
			demo.Confirmed(detector.Cycle, core, nil), demo.Early, demo.Crashes(shim.Receive), demo.OwnTimeouts(timeout), demo.Resolved,
		},
	}
	loaded = scene{
		Name: "loaded", Title: "Four clients with small requests: sooner or later",
		Play: underLoad,
		Expect: []demo.Check{
			deadlocked, demo.Resolved,
		},
	}
	apart = scene{
		Name: "apart", Title: "The send routine enqueues for itself: the same requests",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("served")
			return s.with(ctx, 0, func(c *shim.Client) error {
				return errors.Join(s.both(ctx, c), stage.Settle(ctx))
			})
		},
		Expect: []demo.Check{demo.Answer(request("client", large), items(large)), demo.Answer(request("client", 1), items(1)), demo.Silence},
	}
	slow = scene{
		Name: "slow", Title: "The same with a slow reader: the engine waits for space, and no deadlock",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("served, slowly")
			return s.with(ctx, head, func(c *shim.Client) error {
				return errors.Join(s.both(ctx, c), stage.Settle(ctx))
			})
		},
		Expect: []demo.Check{demo.Answer(request("client", large), items(large)), demo.Answer(request("client", 1), items(1)), demo.Silence},
	}
)

func items(n int) string { return fmt.Sprint(n, " items") }

// with gives do a client.
func (s *system) with(ctx context.Context, slow time.Duration, do func(c *shim.Client) error) error {
	c, err := s.client(ctx, slow)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// both asks for a large answer and, once the engine is at it, for a small one.
func (s *system) both(ctx context.Context, c *shim.Client) error {
	done := make(chan error, 1)
	go func() { done <- s.fetch(ctx, c, "client", large) }()
	begun := func(p *demo.Phase) bool {
		return slices.ContainsFunc(p.Waits, func(w demo.Wait) bool { return w.Process == shim.Engine })
	}
	return errors.Join(s.stage.Until(ctx, timeout, begun), s.fetch(ctx, c, "client", 1), <-done)
}

// underLoad has clients ask until the shim exits.
func underLoad(ctx context.Context, stage *demo.Stage, s *system) error {
	const clients, most = 4, 1000
	stage.Result("the shim exits, sooner or later")
	g, gctx := errgroup.WithContext(ctx)
	for range clients {
		g.Go(func() error {
			return s.with(gctx, 0, func(c *shim.Client) error {
				for range most {
					if _, err := c.Fetch(gctx, shim.Space-1); err != nil {
						return gctx.Err() // the shim has exited
					}
				}
				return nil
			})
		})
	}
	return errors.Join(g.Wait(), stage.Settle(ctx))
}

// deadlocked expects a confirmed cycle of engine and shim, whoever is behind it.
func deadlocked(_ *demo.Phase, seen []demo.Sighting) demo.Expectation {
	want, got := demo.List(core), "nothing"
	for _, s := range seen {
		if s.Verdict.Status == detector.Confirmed {
			var names []string
			for _, m := range s.Verdict.Core {
				names = append(names, m.Key.Process)
			}
			got = demo.List(names)
		}
	}
	return demo.Expect("confirmed: a cycle of "+want, got, want)
}
