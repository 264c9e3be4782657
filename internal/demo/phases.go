package demo

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/services/compute"
)

// phase is one thing to try: what is done and what must come of it.
type phase struct {
	name    string
	title   string
	watched bool
	work    workTime
	play    func(ctx context.Context, s *stage) error
	expect  []check
}

// workTime says how long a server process works on an ID before it asks
// anybody or answers. Nil is not at all.
type workTime func(compute.Service, int64) time.Duration

const (
	// head is how long the two server processes of the deadlock work before
	// they ask each other. It sets the waits apart in the picture.
	head = 50 * time.Millisecond
	// crossing is the same where both must have begun before either asks.
	crossing = 300 * time.Millisecond
	// slow is longer than any reasonable threshold and shorter than the timeout.
	slow = 3 * time.Second
)

// The process names of those who ask.
const (
	caller      = "caller"
	otherCaller = "caller_b"
)

// phases are what the demo plays, in this order.
func phases() []phase {
	deadlock := []check{crash(caller, serverA, serverB), ownTimeouts, onceEach, answer(1, 1_000_001)}
	crossed := []check{crash(caller, otherCaller, serverA, serverB), ownTimeouts, onceEach, answer(1, 1_000_001)}
	return []phase{
		{
			name: "healthy", title: "compute(1), the healthy call",
			play:   func(ctx context.Context, s *stage) error { return s.ask(ctx, caller, compute.A, 1) },
			expect: []check{answer(1, 1_000_001), crash()},
		},
		{
			name: "unwatched", title: "compute(42), nobody watching", work: before(head),
			play: deadlocked, expect: deadlock,
		},
		{
			name: "watched", title: "compute(42), waitgraph watching", work: before(head), watched: true,
			play:   deadlocked,
			expect: append([]check{cycle(caller, consumerA), inBand(true), early}, append(deadlock, resolved)...),
		},
		{
			name: "crossing", title: "A and B asked for 42 at once: no call chain meets itself", work: before(crossing), watched: true,
			play:   crossed42,
			expect: append([]check{cycle(caller, otherCaller, consumerA, consumerB), inBand(false), early}, append(crossed, resolved)...),
		},
		{
			name: "slow", title: "compute(7), healthy but B takes 3 s", work: slowB, watched: true,
			play:   func(ctx context.Context, s *stage) error { return s.ask(ctx, caller, compute.A, 7) },
			expect: []check{answer(7, 1_000_007), silence, crash()},
		},
	}
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
		return slow
	}
	return 0
}

// deadlocked asks for the ID that deadlocks and, when the crash is over, for
// one that does not.
func deadlocked(ctx context.Context, s *stage) error {
	if err := s.ask(ctx, caller, compute.A, 42); err != nil {
		return err
	}
	return s.afterwards(ctx)
}

// crossed42 asks both services at once.
func crossed42(ctx context.Context, s *stage) error {
	g, ctx2 := errgroup.WithContext(ctx)
	g.Go(func() error { return s.ask(ctx2, caller, compute.A, 42) })
	g.Go(func() error { return s.ask(ctx2, otherCaller, compute.B, 42) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.afterwards(ctx)
}
