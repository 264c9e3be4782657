package entitiesplay

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/entities"
)

type scene = demo.Scene[*system]

var (
	diverge = scene{
		Name: "per server", Title: "a process at each server: one is told working, the other finalized",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("the servers disagree")
			return errors.Join(s.get(ctx, one, entity1), s.get(ctx, two, entity1), s.setBoth(ctx), s.getBoth(ctx))
		},
		Expect: bothSay(entities.Working, entities.Finalized),
	}
	stillDiverge = scene{
		Name: "connected", Title: "the servers are connected, which alone changes nothing",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("the servers disagree")
			return errors.Join(s.connect(ctx), s.getBoth(ctx))
		},
		Expect: bothSay(entities.Working, entities.Finalized),
	}
	readStore = scene{
		Name: "read store", Title: "a process at each server, but get reads the store",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("they agree, with a read for each get")
			return errors.Join(s.setBoth(ctx), s.getBoth(ctx))
		},
		Expect: bothSay(entities.Finalized, entities.Finalized),
	}
	clusterWide = scene{
		Name: "cluster-wide", Title: "one process in the cluster: both servers agree",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("they agree")
			return errors.Join(s.setBoth(ctx), s.getBoth(ctx))
		},
		Expect: append(bothSay(entities.Finalized, entities.Finalized), demo.Silence),
	}
	restart = scene{
		Name: "restart", Title: "both servers are started again: the next request starts the process",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("they agree, on what was stored")
			return errors.Join(s.restart(ctx), s.getBoth(ctx))
		},
		Expect: append(bothSay(entities.Finalized, entities.Finalized), demo.Silence),
	}
	naive = scene{
		Name: "naive", Title: "two servers that could not see each other meet, unfenced",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("the acknowledged finalized is lost")
			return errors.Join(s.setBoth(ctx), s.meet(ctx, 2), s.getBoth(ctx), s.tellStored())
		},
		Expect: append(bothSay(entities.Working, entities.Working), demo.Once(nameConflict), demo.Once(stored(entities.Finalized))),
	}
	connectedFirst = scene{
		Name: "connected first", Title: "the same, but connected before any process is there",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("they agree")
			return errors.Join(s.connect(ctx), s.setBoth(ctx), s.getBoth(ctx))
		},
		Expect: append(bothSay(entities.Finalized, entities.Finalized), quiet),
	}
	stale = scene{
		Name: "stale", Title: "two servers that cannot see each other, fenced: the store takes writes from the latest process",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("the stale writer is told so")
			return errors.Join(s.setBoth(ctx), s.set(ctx, one, entity1, entities.Initialized), s.tellStored())
		},
		Expect: []demo.Check{
			demo.Answer(setting(one, entity1, entities.Working), string(entities.Working)),
			demo.Answer(setting(two, entity1, entities.Finalized), string(entities.Finalized)),
			demo.Refusal(setting(one, entity1, entities.Initialized), entities.ErrStale.Error()),
			demo.Once(stored(entities.Finalized)), demo.Crashes(), demo.Silence,
		},
	}
	fenced = scene{
		Name: "fenced", Title: "they meet: the process that the store would refuse has to go",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("nothing acknowledged is lost")
			return errors.Join(s.meet(ctx, 3), s.getBoth(ctx), s.tellStored())
		},
		Expect: append(bothSay(entities.Finalized, entities.Finalized),
			demo.Once(nameConflict), demo.Once(stored(entities.Finalized)), demo.Silence),
	}
	crossing = scene{
		Name: "crossing", Title: "update(entity_1, entity_2) while update(entity_2, entity_1)",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			return errors.Join(s.cross(ctx), stage.Settle(ctx), stage.Lives(ctx, entity1, 2), stage.Lives(ctx, entity2, 2),
				s.get(ctx, one, entity1), s.get(ctx, two, entity2))
		},
		Expect: []demo.Check{
			demo.Confirmed(detector.Cycle, []string{entity1, entity2}, []string{caller, otherCaller, "entities.one", "entities.two"}),
			demo.InBand(false), demo.Early, demo.Crashes(entity1, entity2), demo.OwnTimeouts(timeout), demo.Resolved,
			demo.Answer(getting(one, entity1), string(entities.Initialized)), demo.Answer(getting(two, entity2), string(entities.Initialized)),
		},
	}
	ordered = scene{
		Name: "ordered", Title: "updates that cross, but each begins at the lower ID",
		Play: func(ctx context.Context, stage *demo.Stage, s *system) error {
			stage.Result("both updates are carried out")
			return errors.Join(s.cross(ctx), stage.Settle(ctx), s.get(ctx, one, entity1), s.get(ctx, two, entity2))
		},
		Expect: []demo.Check{
			demo.Answer(updating(one, entity1, entity2), string(entities.Finalized)), demo.Answer(updating(two, entity2, entity1), string(entities.Finalized)),
			demo.Answer(getting(one, entity1), string(entities.Finalized)), demo.Answer(getting(two, entity2), string(entities.Finalized)),
			demo.Silence, demo.Crashes(),
		},
	}
)

// cross makes two callers ask for updates that cross.
func (s *system) cross(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.update(gctx, caller, one, entity1, entity2) })
	g.Go(func() error { return s.update(gctx, otherCaller, two, entity2, entity1) })
	return g.Wait()
}

// setBoth tells one server working, and then the other finalized.
func (s *system) setBoth(ctx context.Context) error {
	return errors.Join(s.set(ctx, one, entity1, entities.Working), s.set(ctx, two, entity1, entities.Finalized))
}

func (s *system) getBoth(ctx context.Context) error {
	return errors.Join(s.get(ctx, one, entity1), s.get(ctx, two, entity1))
}

// bothSay expects what the servers were told to be acknowledged, and what they
// answer in the end.
func bothSay(first, second entities.State) []demo.Check {
	return []demo.Check{demo.Answer(getting(one, entity1), string(first)), demo.Answer(getting(two, entity1), string(second)), demo.Crashes()}
}

// quiet expects that nobody was terminated.
func quiet(p *demo.Phase, _ []demo.Sighting) demo.Expectation {
	var told []string
	for _, e := range p.Events {
		told = append(told, e.Text)
	}
	return demo.Expect("no name conflict", demo.List(told), demo.List(nil))
}
