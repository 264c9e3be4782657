package poolplay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/pool"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Example returns the example.
func Example() demo.Example {
	two := pool.Config{Form: pool.Consumers, Workers: 2}
	permits := pool.Config{Form: pool.Semaphore, Workers: 2}
	layered := two
	layered.Layered = true
	return demo.Example{
		Name:    "pool",
		Title:   "Workers ask their own pool, with one to spare and with none",
		Cast:    "a pool of two workers, and whoever asks it",
		Timeout: pool.DefaultTimeout,
		Queues:  pool.Queues(),
		Acts: []demo.Act{
			demo.NewAct(demo.Watched, build(two), healthy, late, exhausted, rescued),
			demo.NewAct(demo.Watched, build(), stranger),
			demo.NewAct(demo.Watched, build(permits), permitted),
			demo.NewAct(demo.Watched, build(layered), mended),
		},
		Node: node, Nodes: "1, 2, …: a replica of two workers",
		Ops: []demo.Op{{
			Name: "ask", Args: "DEPTH", Help: fmt.Sprintf("ask the pool for a depth: 0 to %d", pool.MaxDepth), Do: byHand,
		}},
	}
}

const (
	// head is how long a worker works before it asks: by then, all have begun.
	head = 100 * time.Millisecond
	// lateness is how long a worker is busy that saves the pool.
	lateness = 350 * time.Millisecond
	// patience is how long the pool hangs before somebody scales it out, or comes
	// back from what he was busy with.
	patience = 2 * time.Second
)

var twoWorkers = []string{"worker:1.1", "worker:1.2"}

type scene = demo.Scene[*system]

var (
	healthy = scene{
		Name: "healthy", Title: "One request at a time: a worker is free for what it asks",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("answered")
			return errors.Join(s.ask(ctx, "caller", 1), stage.Settle(ctx))
		},
		Expect: []demo.Check{demo.Answer(request("caller", 1), "1"), demo.Silence},
	}
	late = scene{
		Name: "late", Title: "One worker waits for the pool, the other comes back: no deadlock",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			s.working(func(depth int) time.Duration {
				if depth == 0 {
					return lateness
				}
				return head
			})
			defer s.working(nil)
			stage.Result("answered, late")
			busy := make(chan error, 1)
			go func() { busy <- s.ask(ctx, "caller:1", 0) }()
			return errors.Join(s.ask(ctx, "caller:2", 1), <-busy, stage.Settle(ctx))
		},
		Expect: []demo.Check{demo.Answer(request("caller:1", 0), "0"), demo.Answer(request("caller:2", 1), "1"), demo.Silence},
	}
	exhausted = scene{
		Name: "exhausted", Title: "Two requests at a time: both workers wait for the pool",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			s.working(before)
			defer s.working(nil)
			stage.Result("callers time out")
			behind := make(chan error, 1)
			go func() {
				_ = stage.Until(ctx, pool.DefaultTimeout, bothWait)
				behind <- s.ask(ctx, "caller:3", 0)
			}()
			return errors.Join(s.together(ctx, "caller:1", "caller:2"), <-behind, stage.Settle(ctx))
		},
		Expect: []demo.Check{
			demo.Confirmed(detector.Knot, twoWorkers, []string{"caller:1", "caller:2", "caller:3"}),
			demo.Refusal(request("caller:1", 1), amqprpc.ErrTimeout.Error()), demo.Refusal(request("caller:2", 1), amqprpc.ErrTimeout.Error()),
			demo.Resolved,
		},
	}
	rescued = scene{
		Name: "rescued", Title: "The same, and a worker is added while they hang",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			s.working(before)
			defer s.working(nil)
			more := pool.Config{Replica: 2, Form: pool.Consumers, Workers: 1}
			stage.Result("rescued after 2 s")
			added := make(chan *demo.Part, 1)
			go func() {
				_ = stage.Until(ctx, pool.DefaultTimeout, bothWait)
				_ = pause.For(ctx, patience)
				added <- s.start(more)
			}()
			err := errors.Join(s.together(ctx, "caller:1", "caller:2"), stage.Settle(ctx))
			(<-added).Stop()
			return err
		},
		Expect: []demo.Check{
			demo.Confirmed(detector.Knot, twoWorkers, []string{"caller:1", "caller:2"}),
			demo.Answer(request("caller:1", 1), "1"), demo.Answer(request("caller:2", 1), "1"), joined,
		},
	}
	stranger = scene{
		Name: "stranger", Title: "The same, and a third worker that waitgraph cannot see is busy, and comes back",
		Play: withStranger,
		Expect: []demo.Check{
			suspected("the queue pool.work has 3 consumers, of which 2 are known"),
			demo.Answer(request("caller:1", 1), "1"), demo.Answer(request("caller:2", 1), "1"),
		},
	}
	permitted = scene{
		Name: "semaphore", Title: "Two requests at a time, of a server with two permits: what they ask for waits for a permit",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			s.working(before)
			defer s.working(nil)
			stage.Result("callers time out")
			return errors.Join(s.together(ctx, "caller:1", "caller:2"), stage.Settle(ctx))
		},
		Expect: []demo.Check{
			demo.Confirmed(detector.Knot, []string{pool.Queue, pool.Queue, pool.Queue, pool.Queue}, []string{"caller:1", "caller:2"}),
			demo.Refusal(request("caller:1", 1), amqprpc.ErrTimeout.Error()), demo.Refusal(request("caller:2", 1), amqprpc.ErrTimeout.Error()),
			demo.Resolved,
		},
	}
	mended = scene{
		Name: "mended", Title: "Requests of each depth have a queue and workers of their own",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			s.working(before)
			defer s.working(nil)
			stage.Result("answered")
			return errors.Join(s.together(ctx, "caller:1", "caller:2", "caller:3"), stage.Settle(ctx))
		},
		Expect: []demo.Check{
			demo.Answer(request("caller:1", 1), "1"), demo.Answer(request("caller:2", 1), "1"), demo.Answer(request("caller:3", 1), "1"), demo.Silence,
		},
	}
)

// before makes workers work before they ask, and not on what they ask for.
func before(depth int) time.Duration {
	if depth == 0 {
		return 0
	}
	return head
}

// bothWait reports whether both workers wait for the pool.
func bothWait(p *demo.Phase) bool {
	n := 0
	for _, w := range p.Waits {
		if strings.HasPrefix(w.Process, "worker") {
			n++
		}
	}
	return n == 2
}

// withStranger gives the first request to a worker that nobody watches, and then
// starts the others.
func withStranger(ctx context.Context, stage *demo.Stage, s *system) error {
	stage.Result("rescued by somebody unseen")
	took := make(chan struct{})
	var taken atomic.Int64
	part := s.stranger(pool.Config{Replica: 9, Workers: 1, Work: func(int) time.Duration {
		if taken.Add(1) > 1 {
			return 0
		}
		close(took)
		return 2 * patience
	}})
	defer part.Stop()
	if err := stage.Complete(ctx, "worker:9.1"); err != nil {
		return err
	}
	busy := make(chan error, 1)
	go func() { busy <- s.ask(ctx, "caller:9", 0) }()
	select {
	case <-took:
	case <-ctx.Done():
		return ctx.Err()
	}
	two := pool.Config{Replica: 1, Form: pool.Consumers, Workers: 2}
	s.working(before)
	s.start(two)
	if err := stage.Complete(ctx, workers(two)...); err != nil {
		return err
	}
	return errors.Join(s.together(ctx, "caller:1", "caller:2"), <-busy, stage.Settle(ctx))
}

// suspected expects verdicts that stay suspected, for this reason, and end with
// nobody proven wrong.
func suspected(reason string) demo.Check {
	return func(_ *demo.Phase, seen []demo.Sighting) demo.Expectation {
		got := "nothing"
		for _, s := range seen {
			switch v := s.Verdict; {
			case v.Status == detector.Confirmed:
				got = "confirmed"
			case v.Status == detector.Suspected && v.Reason != "" && got != "confirmed":
				got = v.Reason
			}
		}
		return demo.Expect("suspected at most: "+reason, got, reason)
	}
}

// joined expects that the verdict ended because somebody came who can help.
func joined(_ *demo.Phase, seen []demo.Sighting) demo.Expectation {
	const want = "resolved by " + detector.CauseHolderJoined
	got := "still standing"
	for _, s := range seen {
		if v := s.Verdict; v.Status.Ended() {
			got = string(v.Status) + " by " + v.Cause
		}
	}
	return demo.Expect("resolved by a worker that joined", got, want)
}
