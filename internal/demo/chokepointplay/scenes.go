package chokepointplay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/pause"
)

type scene = demo.Scene[*system]

var (
	shared = scene{
		Name: "shared", Title: "all nodes are asked for 1, and one for 4: the same node has both",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("one value for each key")
			return errors.Join(s.get(ctx, 0, "n1", "1"), s.get(ctx, 1, "n2", "1"), s.get(ctx, 2, "n3", "1"), s.get(ctx, 3, "n3", "4"))
		},
		Expect: []demo.Check{
			same(getting("n1", "1"), getting("n2", "1")), same(getting("n1", "1"), getting("n3", "1")),
			of(getting("n1", "1"), "n2"), of(getting("n3", "4"), "n2"), demo.Silence, demo.Crashes(),
		},
	}
	expires = scene{
		Name: "expires", Title: "the worker of 1 is gone after its lifetime, and the next request starts another",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("another worker, another value")
			gone := func(p *demo.Phase) bool {
				return slices.ContainsFunc(p.Events, func(e demo.Event) bool { return e.Process == "key_1@n2" })
			}
			return errors.Join(stage.Until(ctx, 2*brief, gone), s.get(ctx, 0, "n1", "1"), stage.Lives(ctx, "key_1@n2", 2))
		},
		Expect: []demo.Check{of(getting("n1", "1"), "n2"), demo.Silence, demo.Crashes()},
	}
	failover = scene{
		Name: "node fails", Title: "n2 dies while its worker is at work: n1, which was asked, serves 1 itself and says so",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("served, and not lost")
			asked := make(chan error, 1)
			go func() { asked <- s.get(ctx, 0, "n1", "1") }()
			err := pause.For(ctx, quick/2)
			s.parts["n2"].Kill()
			return errors.Join(err, <-asked)
		},
		Expect: []demo.Check{of(getting("n1", "1"), "n1 instead of n2"), demo.Silence, demo.Crashes()},
	}
	queue = scene{
		Name: "slow", Title: fmt.Sprintf("%d ask for 1 at once, whose worker is slow: a queue and no deadlock", crowd),
		Play: crowded,
		Expect: []demo.Check{
			answered(crowd), demo.Silence, demo.Crashes(),
			demo.Once(shown(crowd)),
		},
	}
	outside = scene{
		Name: "outside", Title: "sums that cross, added up by the node that was asked",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("both sums are answered")
			return errors.Join(s.cross(ctx), stage.Settle(ctx))
		},
		Expect: []demo.Check{answered(4), demo.Silence, demo.Crashes()},
	}
	crossing = scene{
		Name: "crossing", Title: "sum(1, 2) while sum(2, 1): the workers ask each other",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			return errors.Join(s.cross(ctx), stage.Settle(ctx), stage.Lives(ctx, "key_1@n2", 2), stage.Lives(ctx, "key_2@n3", 2),
				s.get(ctx, 2, "n3", "1"))
		},
		Expect: []demo.Check{
			demo.Confirmed(detector.Cycle, []string{"key_1", "key_2"}, []string{caller(0), caller(1), playCluster, playCluster}),
			demo.InBand(false), demo.Early, demo.Crashes("key_1@n2", "key_2@n3"), demo.OwnTimeouts(timeout), demo.Resolved,
			of(getting("n3", "1"), "n2"),
		},
	}
)

// crowded makes everybody ask for one key, and looks at the queue while it is
// longest.
func crowded(ctx context.Context, stage *demo.Stage, s *system) error {
	stage.Result("a queue of %d, and no deadlock", crowd)
	if err := s.get(ctx, 0, "n1", "1"); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for i := range crowd {
		g.Go(func() error { return s.get(gctx, i, nodes[i%len(nodes)], "1") })
	}
	longest := 0
	for began := time.Now(); time.Since(began) < slow-20*time.Millisecond && longest < crowd; {
		n, err := stage.Queue(ctx, playCluster+"/process/n2/key_1")
		if err != nil {
			return errors.Join(err, g.Wait())
		}
		longest = max(longest, n)
		if err := pause.For(ctx, 5*time.Millisecond); err != nil {
			return errors.Join(err, g.Wait())
		}
	}
	stage.Happened("", shown(longest))
	return g.Wait()
}

func shown(n int) string { return fmt.Sprintf("waitgraph shows %d who wait for key_1", n) }

// of expects that the answer to a request came from a node, told like this.
func of(request, node string) demo.Check {
	return func(p *demo.Phase, _ []demo.Sighting) demo.Expectation {
		got := last(p, request)
		e := demo.Expectation{Text: request + " is answered by the worker of " + node, Held: strings.HasSuffix(got, ", of "+node)}
		if !e.Held {
			e.Got = got
		}
		return e
	}
}

// same expects two requests to have got the same answer.
func same(one, other string) demo.Check {
	return func(p *demo.Phase, _ []demo.Sighting) demo.Expectation {
		return demo.Expect(one+" = "+other, last(p, one), last(p, other))
	}
}

func last(p *demo.Phase, request string) string {
	got := "not asked"
	for _, c := range p.Calls {
		if c.Request == request {
			got = c.Answer + c.Error
		}
	}
	return got
}

// answered expects that so many requests were answered at least, and that none
// failed.
func answered(n int) demo.Check {
	return func(p *demo.Phase, _ []demo.Sighting) demo.Expectation {
		good := 0
		for _, c := range p.Calls {
			if c.Error == "" {
				good++
			}
		}
		want := fmt.Sprintf("%d of %d", max(n, len(p.Calls)), max(n, len(p.Calls)))
		return demo.Expect("every request is answered", fmt.Sprintf("%d of %d", good, max(n, len(p.Calls))), want)
	}
}
