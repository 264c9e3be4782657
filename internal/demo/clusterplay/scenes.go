package clusterplay

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
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/cluster/stock"
)

type scene = demo.Scene[*system]

// The healthy run, and the deadlock that nobody sees.
var (
	healthy = scene{
		Name: "healthy", Title: "one clerk moves, another audits",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("answered")
			return errors.Join(s.move(ctx, caller, ann, "x", "y", 3), s.audit(ctx, caller, cyd, "x", ben, "y"))
		},
		Expect: []demo.Check{
			demo.Answer(moving(ann, "x", "y", 3), "x: 7, y: 13"),
			demo.Answer(auditing(cyd, "x", ben, "y"), "x: 7; ben says y: 13"), demo.Crashes(),
		},
	}
	unwatched = scene{
		Name: "unwatched", Title: "two locks in opposite order, nobody watching",
		Play: opposite, Expect: []demo.Check{demo.Crashes(ann.String()), otherGotOn},
	}
)

// The deadlocks, watched.
var (
	order = scene{
		Name: "order", Title: "two locks in opposite order",
		Play: opposite, Expect: deadlocked([]string{"ann", "ben"}, []string{caller, otherCaller}, otherGotOn),
	}
	call = scene{
		Name: "call", Title: "a lock held across a call whose callee needs it",
		Play: across, Expect: deadlocked([]string{"ann", "ben"}, []string{caller}),
	}
	ring = scene{
		Name: "ring", Title: "three nodes in a ring of locks and calls",
		Play: around, Expect: deadlocked([]string{"ann", "ben", "cyd"}, []string{caller, otherCaller}),
	}
)

// The same with clerks who take locks in order and ask nobody while they hold one.
var (
	orderFixed = scene{
		Name: "ordered", Title: "the same moves, locks taken in the order of their names",
		Play:   opposite,
		Expect: well(demo.Answer(moving(ann, "a", "b", 1), "a: 9, b: 11"), demo.Answer(moving(ben, "b", "a", 1), "b: 10, a: 10")),
	}
	callFixed = scene{
		Name: "released", Title: "the same call, made after the lock is released",
		Play: across, Expect: well(demo.Answer(auditing(ann, "a", ben, "a"), "a: 10; ben says a: 10")),
	}
	ringFixed = scene{
		Name: "open ring", Title: "the same ring, with nobody who asks while holding",
		Play: around, Expect: well(
			demo.Answer(auditing(ann, "d", ben, "c"), "d: 10; ben says c: 10"),
			demo.Answer(auditing(cyd, "c", ann, "d"), "c: 10; ann says d: 10")),
	}
)

var otherGotOn = demo.Answer(moving(ben, "b", "a", 1), "b: 9, a: 11")

// deadlocked expects the deadlock to be seen long before somebody gives up, which
// frees the others, and everybody to be well again.
func deadlocked(core, behind []string, others ...demo.Check) []demo.Check {
	return append([]demo.Check{
		demo.Confirmed(detector.Cycle, core, behind), demo.Early, gaveUp(core), resolved, demo.Answer(counting, "e: 10"),
	}, others...)
}

// gaveUp expects somebody of the core to have crashed, and nobody else. It is
// the first who waited, unless the machine is so slow that others time out as
// well before they are told.
func gaveUp(core []string) demo.Check {
	return func(p *demo.Phase, _ []demo.Sighting) demo.Expectation {
		var others []string
		for _, c := range p.Crashes {
			if name, _, _ := strings.Cut(c.Process, "@"); !slices.Contains(core, name) {
				others = append(others, name)
			}
		}
		return demo.Expect("crashed: somebody of the cycle, nobody else", fmt.Sprint(len(p.Crashes) > 0, others), fmt.Sprint(true, []string(nil)))
	}
}

func well(checks ...demo.Check) []demo.Check {
	return append(checks, demo.Silence, demo.Crashes())
}

// resolved expects the verdict to have ended with the waits, and nobody to have
// contradicted it. The timeout of one wait cancels others, and which the detector
// hears of first is chance.
func resolved(_ *demo.Phase, seen []demo.Sighting) demo.Expectation {
	got := "nothing seen"
	for _, s := range seen {
		if got = string(s.Verdict.Status); s.Verdict.Contradicted {
			got = "contradicted"
		}
	}
	return demo.Expect("resolved when somebody gives up", got, string(detector.Resolved))
}

// opposite makes two clerks move in opposite directions.
func opposite(ctx context.Context, _ *demo.Stage, s *system) error {
	return s.atOnce(ctx,
		func(ctx context.Context) error { return s.move(ctx, caller, ann, "a", "b", 1) },
		func(ctx context.Context) error { return s.move(ctx, otherCaller, ben, "b", "a", 1) })
}

// across makes a clerk ask another for the very shelf that she audits.
func across(ctx context.Context, _ *demo.Stage, s *system) error {
	return s.atOnce(ctx, func(ctx context.Context) error { return s.audit(ctx, caller, ann, "a", ben, "a") })
}

// around makes ann ask ben, who needs what cyd holds, who asks ann.
func around(ctx context.Context, _ *demo.Stage, s *system) error {
	return s.atOnce(ctx,
		func(ctx context.Context) error { return s.audit(ctx, caller, ann, "d", ben, "c") },
		func(ctx context.Context) error { return s.audit(ctx, otherCaller, cyd, "c", ann, "d") })
}

// outcome is what comes of it, by how careful the clerks are.
var outcome = map[bool]string{careless: "freed by who gives up first", careful: "answered"}

// counting is what is asked when everything is over.
const counting = "ann.count(e)"

// atOnce does things that overlap, and then something healthy: what comes second
// begins when the first clerk is at work.
func (s *system) atOnce(ctx context.Context, things ...func(ctx context.Context) error) error {
	begun := s.meeting(len(things))
	g, gctx := errgroup.WithContext(ctx)
	for i, do := range things {
		if i > 0 {
			select {
			case <-begun:
			case <-gctx.Done():
			}
		}
		g.Go(func() error { return do(gctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	s.stage.Result("%s", outcome[s.careful])
	if err := s.stage.Settle(ctx); err != nil {
		return err
	}
	return s.ask(ctx, caller, counting, func(ctx context.Context, by *cluster.Process) (string, error) {
		return stock.Count(ctx, by, ann, "e")
	})
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
