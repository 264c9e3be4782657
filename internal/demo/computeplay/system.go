package computeplay

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/compute"
)

// replicas is how many each service has; they share its IDs.
const replicas = 2

// system is two replicas of either service and two callers.
type system struct {
	stage   *demo.Stage
	fixed   bool
	callers map[string]*compute.Caller
	work    atomic.Pointer[workTime] // of the present scene
}

// workTime says how long a server process works on an ID before it asks
// anybody or answers.
type workTime func(compute.Service, int64) time.Duration

func (s *system) workTime(service compute.Service, id int64) time.Duration {
	if work := s.work.Load(); work != nil {
		return (*work)(service, id)
	}
	return 0
}

// The variants of the system: whether ServiceB asks ServiceA back.
const (
	buggy = false
	fixed = true
)

// build returns what starts the system and waits until each process has taken its
// queue.
func build(fixed bool) func(ctx context.Context, stage *demo.Stage) (*system, error) {
	return func(ctx context.Context, stage *demo.Stage) (*system, error) {
		s := &system{stage: stage, fixed: fixed, callers: make(map[string]*compute.Caller)}
		return s, s.start(ctx)
	}
}

func (s *system) start(ctx context.Context) error {
	cast := []string{caller, otherCaller}
	for _, service := range []compute.Service{compute.A, compute.B} {
		for replica := 1; replica <= replicas; replica++ {
			s.startReplica(service, replica)
			cast = append(cast, service.Consumer(replica))
			for _, id := range placed(replica) {
				cast = append(cast, service.Server(id))
			}
		}
	}
	if err := s.startCallers(ctx); err != nil {
		return err
	}
	return s.stage.Complete(ctx, cast...)
}

// placed returns the IDs that a replica hosts.
func placed(replica int) []int64 {
	const share = compute.MaxID / replicas
	var ids []int64
	for i := range share {
		ids = append(ids, int64((replica-1)*share+i+1))
	}
	return ids
}

func (s *system) startReplica(service compute.Service, replica int) {
	s.stage.Go(service.Name(), func(ctx context.Context, p *demo.Part) error {
		cfg := config(p, service, replica, s.hooks())
		cfg.IDs, cfg.Fixed = placed(replica), s.fixed
		cfg.Work = func(id int64) time.Duration { return s.workTime(service, id) }
		return compute.Run(ctx, cfg)
	})
}

// config makes a part a replica.
func config(p *demo.Part, service compute.Service, replica int, hooks compute.Hooks) compute.Config {
	return compute.Config{
		Service: service, Replica: replica, URL: p.URL, Dial: p.Dial, Agent: p.Agent,
		Hooks: hooks, Log: p.Log, TracerProvider: p.TracerProvider,
	}
}

func (s *system) hooks() compute.Hooks {
	return compute.Hooks{Started: s.stage.Started, Calling: s.stage.Calling, Crashed: s.stage.Crashed}
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
		for _, name := range []string{caller, otherCaller} {
			s.callers[name] = compute.NewCaller(conn, compute.CallerConfig{Name: name, Agent: p.Agent, Hooks: s.hooks(), Log: p.Log})
		}
		close(ready)
		var g errgroup.Group
		for _, c := range s.callers {
			g.Go(func() error {
				c.Run(ctx)
				return nil
			})
		}
		return g.Wait()
	})
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ask makes a caller ask and notes what it got.
func (s *system) ask(ctx context.Context, process string, service compute.Service, id int64) error {
	return s.stage.Ask(ctx, process, request(service, id), func(ctx context.Context) (string, error) {
		answer, err := s.callers[process].Ask(ctx, service, id)
		return demo.Thousands(answer), err
	})
}
