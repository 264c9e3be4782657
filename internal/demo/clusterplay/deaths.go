package clusterplay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/cluster"
)

// What a cluster does when a node dies.
var (
	inherited = scene{
		Name: "inherited", Title: "the lock of a clerk whose node dies goes to the next",
		Play:   inherit,
		Expect: []demo.Check{demo.Answer(moving(ben, "a", "b", 2), "a: 8, b: 12"), quickly, demo.Silence},
	}
	failover = scene{
		Name: "failover", Title: "the next node takes over, and the returning one takes back",
		Play: takeover,
		Expect: []demo.Check{
			demo.Answer(serving("n1 dead"), "n2"), demo.Answer(serving("n1 back"), "n1"),
			demo.Answer(serving("n1 dead again"), "n2"), demo.Silence,
		},
	}
)

// soon is within what time others take over from a node that dies.
const soon = time.Second

// inherit kills the node of a clerk who holds a shelf that another waits for.
func inherit(ctx context.Context, stage *demo.Stage, s *system) error {
	s.working(2 * soon)
	abandoned := make(chan error, 1)
	go func() { abandoned <- s.move(ctx, caller, ann, "a", "c", 1) }()
	if err := wait(ctx, apart); err != nil {
		return err
	}
	s.working(0)
	moved := make(chan error, 1)
	go func() { moved <- s.move(ctx, otherCaller, ben, "a", "b", 2) }()
	if err := wait(ctx, apart); err != nil {
		return err
	}
	died := time.Now()
	s.parts[ann.Node].Kill()
	s.stage.Happened("", "n1 dies while ann holds shelf a")
	err := errors.Join(<-moved, <-abandoned)
	stage.Result("ben is done %v later", since(died))
	return err
}

// quickly expects that nobody waited long for a lock.
func quickly(p *demo.Phase, _ []demo.Sighting) demo.Expectation {
	longest := time.Duration(0)
	for _, w := range p.Waits {
		if strings.HasPrefix(w.For, "lock ") && w.Process == ben.String() {
			longest = max(longest, time.Duration(w.To-w.From))
		}
	}
	return demo.Expect(fmt.Sprintf("the lock is handed on within %v", soon), fmt.Sprint(longest < soon), "true")
}

// takeover makes the node with the highest priority return, and die again.
func takeover(ctx context.Context, stage *demo.Stage, s *system) error {
	if err := s.served(ctx, "n1 dead", ben.Node); err != nil {
		return err
	}
	s.startNode(ann)
	if err := s.served(ctx, "n1 back", ann.Node); err != nil {
		return err
	}
	died := time.Now()
	s.parts[ann.Node].Kill()
	err := s.served(ctx, "n1 dead again", ben.Node)
	stage.Result("taken over %v later", since(died))
	return err
}

func since(t time.Time) time.Duration { return time.Since(t).Round(100 * time.Microsecond) }

// served asks a third node for the service, and notes who serves: the one that is
// meant to, if it does within a reasonable time.
func (s *system) served(ctx context.Context, when, by string) error {
	return s.stage.Ask(ctx, cyd.Node, serving(when), func(ctx context.Context) (string, error) {
		var answer cluster.Served
		var err error
		for began := time.Now(); answer.Node != by && time.Since(began) < lockTimeout; {
			answer, err = s.nodes[cyd.Node].Load().Request(ctx, service, nil)
			if answer.Node != by && wait(ctx, apart/10) != nil {
				break
			}
		}
		return answer.Node, err
	})
}

func serving(when string) string { return service + ", " + when }
