package live

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
)

// Play plays a scenario once. What is drawn by chance is drawn from the seed.
// An error means that there is no run to judge.
func (s *Stage) Play(ctx context.Context, sc *scenario.Scenario, seed uint64) (*scenario.Run, error) {
	if n := alone(sc); n > 0 {
		own, err := open(ctx, s.cfg, n)
		if err != nil {
			return nil, fmt.Errorf("play %s: %w", sc.Name, err)
		}
		defer own.Close()
		s = own
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	p := &play{stage: s, s: sc, name: rand.Text()[:10], journal: newJournal(), fail: fail, seed: seed}
	p.number = s.enter(p.name, p.journal)
	defer s.leave(p.name)
	if err := p.run(ctx); err != nil {
		return nil, fmt.Errorf("play %s: %w", sc.Name, err)
	}
	return scenario.Judge(untimed(sc), seed, p.journal.record), nil
}

// untimed returns the scenario without the bounds on time that it expects.
func untimed(s *scenario.Scenario) *scenario.Scenario {
	c := *s
	c.Expect.Verdicts = slices.Clone(s.Expect.Verdicts)
	for i := range c.Expect.Verdicts {
		c.Expect.Verdicts[i].Within, c.Expect.Verdicts[i].At = 0, scenario.Window{}
	}
	return &c
}

// play is a scenario that is being played.
type play struct {
	stage   *Stage
	s       *scenario.Scenario
	name    string
	seed    uint64
	journal *journal
	fail    context.CancelCauseFunc // ends the play with an error

	number   int              // among the plays of the stage
	hosts    map[string]*host // by replica
	guards   map[string]*guard
	services map[string]*scenario.Service
	buffers  map[string]*buffer // by service
	procs    []*process
	running  sync.WaitGroup // of the processes and faults
}

// hearing is two heartbeats of the agents: by then the detector has heard of all
// of them.
const hearing = time.Second

// run plays until the journal is closed. When it returns, nothing runs any more.
func (p *play) run(ctx context.Context) error {
	if err := p.furnish(ctx); err != nil {
		return err
	}
	life, stop := context.WithCancelCause(ctx)
	defer p.running.Wait()
	defer stop(errOver)
	for _, one := range p.procs {
		if one.service != nil {
			p.running.Go(func() { one.serve(life) })
		}
	}
	if err := p.complete(ctx); err != nil {
		return err
	}
	if err := pause.For(ctx, hearing); err != nil {
		return err
	}
	p.journal.begin()
	for _, f := range p.s.Faults {
		p.befall(life, f)
	}
	for _, one := range p.procs {
		if one.service == nil {
			p.running.Go(func() { one.session(life) })
		}
	}
	return p.watch(ctx)
}

// watch waits until the play is over.
func (p *play) watch(ctx context.Context) error {
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for !p.journal.over(p.s.For) {
		select {
		case <-ticks.C:
		case <-p.stage.detector.failed:
			return fmt.Errorf("the detector ended: %w", p.stage.detector.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// furnish makes hosts, guards, processes and queues.
func (p *play) furnish(ctx context.Context) error {
	p.hosts, p.guards = make(map[string]*host), make(map[string]*guard)
	p.services = make(map[string]*scenario.Service)
	for _, g := range p.s.Guards {
		p.guards[g.Name] = newGuard(p.name, g)
	}
	p.stock()
	for i := range p.s.Services {
		one := &p.s.Services[i]
		p.services[one.Name] = one
		names := one.Processes()
		for k, name := range names {
			p.add(&process{
				name: name, service: one, does: one.Does, replica: one.Replicas[k/one.Workers], unwatched: k >= len(names)-one.Unwatched,
			})
		}
	}
	for i := range p.s.Sessions {
		one := &p.s.Sessions[i]
		p.add(&process{name: one.Name, does: one.Does, replica: scenario.Sessions, unwatched: one.Unwatched})
	}
	return p.queues(ctx, func(ch *amqp.Channel, service *scenario.Service) error {
		_, err := p.declare(ch, service.Name)
		return err
	})
}

// add gives a process its place and its own chance.
func (p *play) add(one *process) {
	one.play, one.host = p, p.host(one.replica)
	one.rng = mathrand.New(mathrand.NewPCG(p.seed, uint64(len(p.procs)))) //nolint:gosec // no secret
	if one.unwatched {
		p.journal.note(runlog.Entry{Kind: runlog.Hide, Process: one.name})
	}
	p.procs = append(p.procs, one)
}

// host returns the host of a replica: another for each, as far as there are as
// many, and others in each play.
func (p *play) host(replica string) *host {
	if p.hosts[replica] == nil {
		p.hosts[replica] = p.stage.hosts[(p.number+len(p.hosts))%len(p.stage.hosts)]
	}
	return p.hosts[replica]
}

// queue returns the name of a service's queue.
func (p *play) queue(service string) string { return "scenario/" + p.name + "/" + service }

// expires is how long a queue outlives its consumers, in milliseconds.
const expires = 60_000

// declare makes a queue that is there, should a service start anew.
func (p *play) declare(ch *amqp.Channel, service string) (amqp.Queue, error) {
	const durable, autoDelete, exclusive, noWait = true, false, false, false
	q, err := ch.QueueDeclare(p.queue(service), durable, autoDelete, exclusive, noWait, amqp.Table{"x-expires": int32(expires)})
	if err != nil {
		return q, fmt.Errorf("declare queue of %s: %w", service, err)
	}
	return q, nil
}

// queues does something with each queue.
func (p *play) queues(ctx context.Context, do func(*amqp.Channel, *scenario.Service) error) error {
	at, err := p.stage.hosts[0].await(ctx)
	if err != nil {
		return err
	}
	return at.blind.Channel(ctx, func(ctx context.Context, ch *amqp.Channel) error {
		for i := range p.s.Services {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := do(ch, &p.s.Services[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// complete waits until every queue has all of its consumers.
func (p *play) complete(ctx context.Context) error {
	return p.queues(ctx, func(ch *amqp.Channel, service *scenario.Service) error {
		for {
			q, err := p.declare(ch, service.Name)
			if err != nil || q.Consumers >= service.Consumers() {
				return err
			}
			if err := pause.For(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
	})
}
