package clusterplay

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/cluster/stock"
)

// The clerks, each on a node of its own.
var (
	ann = cluster.Address{Name: "ann", Node: "n1"}
	ben = cluster.Address{Name: "ben", Node: "n2"}
	cyd = cluster.Address{Name: "cyd", Node: "n3"}
)

// Those who ask the clerks.
const (
	caller      = "caller"
	otherCaller = "other"
)

// apart is how long what happens in the picture is apart.
const apart = 100 * time.Millisecond

// system is three nodes and a desk at which clerks are asked.
type system struct {
	stage   *demo.Stage
	careful bool
	work    atomic.Pointer[func(ctx context.Context)] // of the present scene
	nodes   map[string]*atomic.Pointer[cluster.Node]
	parts   map[string]*demo.Part // by node
	callers map[string]*cluster.Process
}

// build returns what starts the system and waits until all clerks are there.
func build(careful bool) func(ctx context.Context, stage *demo.Stage) (*system, error) {
	return func(ctx context.Context, stage *demo.Stage) (*system, error) {
		s := &system{
			stage: stage, careful: careful, parts: make(map[string]*demo.Part), callers: make(map[string]*cluster.Process),
			nodes: map[string]*atomic.Pointer[cluster.Node]{ann.Node: {}, ben.Node: {}, cyd.Node: {}},
		}
		s.working(0)
		for _, a := range []cluster.Address{ann, ben, cyd} {
			s.startNode(a)
		}
		if err := s.startDesk(ctx); err != nil {
			return nil, err
		}
		return s, stage.Complete(ctx, ann.String(), ben.String(), cyd.String())
	}
}

// startNode starts a node with its clerk, as one OS process.
func (s *system) startNode(a cluster.Address) {
	s.parts[a.Node] = s.stage.Go(a.Node, func(ctx context.Context, p *demo.Part) error {
		n, err := join(ctx, config(p, "play", a.Node))
		if err != nil {
			return err
		}
		defer n.Stop()
		s.nodes[a.Node].Store(n)
		go provide(ctx, n)
		return stock.Run(ctx, stock.Config{
			Node: n, Name: a.Name, Careful: s.careful, Timeout: lockTimeout,
			Work:  func(ctx context.Context) { (*s.work.Load())(ctx) },
			Hooks: stock.Hooks{Started: s.stage.Started, Calling: s.stage.Calling, Crashed: s.crashed(ctx)},
		})
	})
}

// working makes clerks work for so long at the first shelf.
func (s *system) working(d time.Duration) {
	work := func(ctx context.Context) { _ = wait(ctx, d) }
	s.work.Store(&work)
}

// meeting makes clerks work until so many of them do, however slow the machine is.
// The last goes on a moment later than the others. Careful ones may not meet. The
// first to come is told by the channel.
func (s *system) meeting(n int) (first <-chan struct{}) {
	var arrived atomic.Int32
	came, met := make(chan struct{}), make(chan struct{})
	patience := callTimeout
	if s.careful {
		patience = apart
	}
	work := func(ctx context.Context) {
		number := int(arrived.Add(1))
		if number == 1 {
			close(came)
		}
		if number == n {
			close(met)
			_ = wait(ctx, apart)
			return
		}
		ctx, done := context.WithTimeout(ctx, patience)
		defer done()
		select {
		case <-met:
		case <-ctx.Done():
		}
	}
	s.work.Store(&work)
	return came
}

// crashed notes a crash, unless it is the end of the node.
func (s *system) crashed(ctx context.Context) func(string, error) {
	return func(process string, cause error) {
		if ctx.Err() == nil {
			s.stage.Crashed(process, cause)
		}
	}
}

// startDesk starts a node with those who ask.
func (s *system) startDesk(ctx context.Context) error {
	ready := make(chan struct{})
	s.stage.Go("desk", func(ctx context.Context, p *demo.Part) error {
		cfg := config(p, "play", "desk")
		cfg.CallTimeout = 2 * lockTimeout // it is not at the desk that patience ends
		n, err := join(ctx, cfg)
		if err != nil {
			return err
		}
		defer n.Stop()
		for _, name := range []string{caller, otherCaller} {
			if s.callers[name], err = n.Spawn(ctx, name, nobody); err != nil {
				return err
			}
		}
		close(ready)
		<-ctx.Done()
		return nil
	})
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// nobody serves a process that only asks.
func nobody(context.Context, *cluster.Process, []byte) ([]byte, error) { return nil, cluster.ErrNoOp }

func config(p *demo.Part, name, node string) cluster.Config {
	return cluster.Config{
		Cluster: name, Node: node, URL: p.URL, Dial: p.Dial, Agent: p.Agent,
		CallTimeout: callTimeout, TracerProvider: p.TracerProvider, Log: p.Log,
	}
}

// join starts a node, again and again while the broker takes an earlier one of
// its name to be alive.
func join(ctx context.Context, cfg cluster.Config) (*cluster.Node, error) {
	for tries := 1; ; tries++ {
		n, err := cluster.Start(ctx, cfg)
		if !errors.Is(err, cluster.ErrTaken) || tries == 50 {
			return n, err
		}
		select {
		case <-time.After(callTimeout / 50):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// service is what the first of the nodes that is up serves.
const service = "registrar"

// provide makes a node stand by for the service. The answer says who serves, so
// there is nothing else to say.
func provide(ctx context.Context, n *cluster.Node) {
	_ = n.Provide(ctx, cluster.Service{ // it ends with ctx or the node
		Name: service, Nodes: []string{ann.Node, ben.Node, cyd.Node}, Majority: true,
		Handler: func(context.Context, []byte) ([]byte, error) { return nil, nil },
	})
}

// ask makes a caller ask a clerk and notes what it got.
func (s *system) ask(ctx context.Context, process, request string, do func(ctx context.Context, by *cluster.Process) (string, error)) error {
	return s.stage.Ask(ctx, process, request, func(ctx context.Context) (string, error) {
		ended := s.stage.Calling(s.callers[process].PID().String(), request)
		answer, err := do(ctx, s.callers[process])
		ended(err)
		return answer, err
	})
}

func (s *system) move(ctx context.Context, process string, clerk cluster.Address, from, to string, amount int) error {
	return s.ask(ctx, process, moving(clerk, from, to, amount), func(ctx context.Context, by *cluster.Process) (string, error) {
		return stock.Move(ctx, by, clerk, from, to, amount)
	})
}

func (s *system) audit(ctx context.Context, process string, clerk cluster.Address, shelf string, with cluster.Address, count string) error {
	return s.ask(ctx, process, auditing(clerk, shelf, with, count), func(ctx context.Context, by *cluster.Process) (string, error) {
		return stock.Audit(ctx, by, clerk, shelf, with, count)
	})
}

// How requests are written.

func moving(clerk cluster.Address, from, to string, amount int) string {
	return fmt.Sprintf("%s.move(%d, %s to %s)", clerk.Name, amount, from, to)
}

func auditing(clerk cluster.Address, shelf string, with cluster.Address, count string) string {
	return fmt.Sprintf("%s.audit(%s; %s counts %s)", clerk.Name, shelf, with.Name, count)
}
