package computeplay

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/demo/demotest"
	"github.com/waitgraph/waitgraph/services/compute"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExample(t *testing.T) {
	demotest.Play(t, Example(), "caller, server_a:42, server_b:42", `"confirmed_after_seconds"`, "deadlock confirmed</text>")
}

func TestInterrupted(t *testing.T) {
	demotest.Interrupt(t, Example(),
		0, time.Millisecond, 4*time.Second, 5*time.Second+head, 6*time.Second, 8*time.Second, 13*time.Second, 18*time.Second)
}

// Further deadlocks of the same system.
func TestScenes(t *testing.T) {
	core := []string{serverA, serverB, consumerA, consumerB}
	for _, sc := range []scene{
		{
			Name: "B asked directly", Play: deadlocked(compute.B),
			Expect: confirmed([]string{caller, consumerB}, demo.InBand(true), crashed(caller)),
		},
		{
			Name: "compute(1) behind the deadlock", Play: behind,
			Expect: append([]demo.Check{
				demo.Confirmed(detector.Cycle, core, []string{caller, otherCaller, consumerA}), demo.Early, demo.Resolved,
			}, crashed(caller)...),
		},
	} {
		t.Run(sc.Name, func(t *testing.T) {
			e := Example()
			e.Acts = []demo.Act{demo.NewAct(demo.Watched, build(buggy), sc)}
			demotest.Play(t, e)
		})
	}
}

// behind asks for 1 while both consumers of A are blocked.
func behind(ctx context.Context, stage *demo.Stage, s *system) error {
	defer s.working(before(head))()
	asked := make(chan error, 1)
	go func() { asked <- s.ask(ctx, caller, compute.A, 42) }()
	handed := func(p *demo.Phase) bool {
		n := 0
		for _, w := range p.Waits {
			if w.For == serverA {
				n++
			}
		}
		return n == 2
	}
	err := errors.Join(stage.Until(ctx, compute.DefaultTimeout, handed), s.ask(ctx, otherCaller, compute.A, 1), <-asked)
	if err != nil {
		return err
	}
	return s.afterwards(ctx, caller, serverA, serverB)
}

func TestNodeNames(t *testing.T) {
	if service, replica, err := parseNode("b12"); service != compute.B || replica != 12 || err != nil {
		t.Errorf("b12 = %s, %d, %v", service, replica, err)
	}
	for _, name := range []string{"", "a", "c1", "a0", "a-1", "ax", "1"} {
		if _, _, err := parseNode(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}
