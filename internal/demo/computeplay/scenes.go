package computeplay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/compute"
)

const (
	// head is how long the two server processes of the deadlock work before
	// they ask each other. It sets the waits apart in the picture.
	head = 50 * time.Millisecond
	// together is the same where both must have begun before either asks.
	together = 300 * time.Millisecond
	// long is longer than any reasonable threshold and shorter than the timeout.
	long = 3 * time.Second
)

type scene = demo.Scene[*system]

var (
	healthy = scene{
		Name: "healthy", Title: "compute(1), the healthy call",
		Play:   asking(nil, 1),
		Expect: []demo.Check{computes(1), demo.Crashes()},
	}
	unwatched = scene{
		Name: "unwatched", Title: "compute(42), nobody watching",
		Play:   deadlocked(compute.A),
		Expect: crashed(caller),
	}
	asked42 = scene{
		Name: "fixed", Title: "compute(42), the bug fixed: B asks nobody",
		Play:   asking(before(head), 42),
		Expect: []demo.Check{computes(42), demo.Silence, demo.Crashes()},
	}
	watched = scene{
		Name: "watched", Title: "compute(42), waitgraph watching",
		Play:   deadlocked(compute.A),
		Expect: confirmed([]string{caller, consumerA}, demo.InBand(true), crashed(caller)),
	}
	crossing = scene{
		Name: "crossing", Title: "A and B asked for 42 at once: no call chain meets itself",
		Play:   crossed,
		Expect: confirmed([]string{caller, otherCaller, consumerA, consumerB}, demo.InBand(false), crashed(caller, otherCaller)),
	}
	slow = scene{
		Name: "slow", Title: "compute(7), healthy but B takes 3 s",
		Play:   asking(slowB, 7),
		Expect: []demo.Check{computes(7), demo.Silence, demo.Crashes()},
	}
)

// crashed expects the two server processes and these callers to have crashed,
// and the system to be well again.
func crashed(callers ...string) []demo.Check {
	return []demo.Check{demo.Crashes(append(callers, serverA, serverB)...), demo.OwnTimeouts(compute.DefaultTimeout), onceEach, computes(1)}
}

// confirmed expects the deadlock to be seen long before it crashes anybody.
func confirmed(behind []string, how demo.Check, crashed []demo.Check) []demo.Check {
	core := []string{serverA, serverB, consumerA, consumerB}
	checks := []demo.Check{demo.Confirmed(detector.Cycle, core, behind), how, demo.Early}
	return append(append(checks, crashed...), demo.Resolved)
}

// onceEach expects that consumers handed over every request exactly once.
func onceEach(p *demo.Phase, _ []demo.Sighting) demo.Expectation {
	sent, handed := 0, 0
	for _, w := range p.Waits {
		if strings.HasPrefix(w.For, "server_") {
			handed++
		} else {
			sent++
		}
	}
	return demo.Expect("no request is delivered again", fmt.Sprint(handed, " of ", sent, " handed over"), fmt.Sprint(sent, " of ", sent, " handed over"))
}

// asking makes A be asked for id while the server processes work as told.
func asking(work workTime, id int64) func(context.Context, *demo.Stage, *system) error {
	return func(ctx context.Context, _ *demo.Stage, s *system) error {
		defer s.working(work)()
		return s.ask(ctx, caller, compute.A, id)
	}
}

// working makes the server processes take their time until the returned
// function is called.
func (s *system) working(work workTime) (done func()) {
	if work != nil {
		s.work.Store(&work)
	}
	return func() { s.work.Store(nil) }
}

// before makes the deadlocking server processes work before they ask.
func before(d time.Duration) workTime {
	return func(_ compute.Service, id int64) time.Duration {
		if id == 42 {
			return d
		}
		return 0
	}
}

func slowB(s compute.Service, _ int64) time.Duration {
	if s == compute.B {
		return long
	}
	return 0
}

// deadlocked asks for the ID that deadlocks and, when the crash is over, for
// one that does not.
func deadlocked(service compute.Service) func(context.Context, *demo.Stage, *system) error {
	return func(ctx context.Context, stage *demo.Stage, s *system) error {
		defer s.working(before(head))()
		if err := s.ask(ctx, caller, service, 42); err != nil {
			return err
		}
		return s.afterwards(ctx, caller, serverA, serverB)
	}
}

// crossed asks both services at once for the ID that deadlocks.
func crossed(ctx context.Context, _ *demo.Stage, s *system) error {
	defer s.working(before(together))()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.ask(gctx, caller, compute.A, 42) })
	g.Go(func() error { return s.ask(gctx, otherCaller, compute.B, 42) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.afterwards(ctx, caller, otherCaller, serverA, serverB)
}

// afterwards asks for something healthy when everything is over. Those who crash
// do so a moment after their waits have ended.
func (s *system) afterwards(ctx context.Context, crash ...string) error {
	crashed := func(p *demo.Phase) bool { return len(p.Crashes) >= len(crash) }
	if err := errors.Join(s.stage.Until(ctx, 2*compute.DefaultTimeout, crashed), s.stage.Settle(ctx)); err != nil {
		return err
	}
	return s.ask(ctx, caller, compute.A, 1)
}
