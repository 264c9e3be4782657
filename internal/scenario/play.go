package scenario

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/simulation"
)

// Play plays a scenario once, in virtual time. All that is left to chance comes
// from the seed. A scenario has to be one that Parse returned, or Generate, or
// Explore.
func Play(s *Scenario, seed uint64) *Run {
	return Judge(s, seed, record(s, seed))
}

// record plays a scenario without a judgement.
func record(s *Scenario, seed uint64) simulation.Record {
	b := builder{
		s: s, system: &simulation.System{Length: s.For}, rng: rand.New(rand.NewPCG(seed, 3)),
		replicas: make(map[string]int), queues: make(map[string]int), guards: make(map[string]int),
	}
	return simulation.Play(seed, b.build())
}

// builder turns a scenario into a system.
type builder struct {
	s                        *Scenario
	system                   *simulation.System
	rng                      *rand.Rand
	replicas, queues, guards map[string]int
}

func (b *builder) build() *simulation.System {
	for i, g := range b.s.Guards {
		kind := report.Lock
		if g.Permit {
			kind = report.Permit
		}
		b.guards[g.Name] = i
		b.system.Guards = append(b.system.Guards, simulation.Guard{Name: kind.String() + "/" + g.Name, Kind: kind, Size: g.Size})
	}
	for i := range b.s.Services {
		b.queues[b.s.Services[i].Name] = i
	}
	for i := range b.s.Services {
		b.service(i)
	}
	for i := range b.s.Sessions {
		s := &b.s.Sessions[i]
		b.system.Processes = append(b.system.Processes, simulation.Process{
			Name: s.Name, Replica: b.replica(Sessions), Queue: -1, Unwatched: s.Unwatched, Program: b.program(s.Does),
		})
	}
	for _, f := range b.s.Faults {
		b.system.Faults = append(b.system.Faults, f.simulated(b.system.Replicas))
	}
	return b.system
}

func (b *builder) replica(name string) int {
	i, ok := b.replicas[name]
	if !ok {
		i = len(b.system.Replicas)
		b.replicas[name] = i
		b.system.Replicas = append(b.system.Replicas, name)
	}
	return i
}

func (b *builder) service(queue int) {
	s := &b.s.Services[queue]
	b.system.Queues = append(b.system.Queues, simulation.Queue{Name: s.Name, Prefetch: s.Prefetch, Buffer: s.Buffer})
	names, does := s.Processes(), b.program(s.Does)
	for i, name := range names {
		b.system.Processes = append(b.system.Processes, simulation.Process{
			Name: name, Replica: b.replica(s.Replicas[i/s.Workers]), Queue: queue,
			Unwatched: i >= len(names)-s.Unwatched, Reentrant: s.Reentrant, Program: does,
		})
	}
}

// program turns steps into what makes them operations when they are due: what a
// service does may lead back to itself.
func (b *builder) program(steps []Step) simulation.Program {
	return func() []simulation.Op { return b.ops(nil, steps) }
}

// ops appends the operations of steps. Steps are nested no deeper than a file.
func (b *builder) ops(ops []simulation.Op, steps []Step) []simulation.Op {
	for i := range steps {
		s := &steps[i]
		switch s.Verb {
		case Wait:
			ops = append(ops, simulation.Work(s.For.Draw))
		case Call:
			ops = append(ops, simulation.Call(s.Need, b.limit(s), b.requests(s.To)...))
		case Send:
			ops = append(ops, simulation.Send(b.limit(s), b.requests(s.To)[0]))
		case Lock, Permit:
			ops = append(ops, simulation.Acquire(b.guards[s.Guard], b.limit(s)))
			if ops = b.ops(ops, s.Do); len(s.Do) > 0 {
				ops = append(ops, simulation.Release(b.guards[s.Guard]))
			}
		case Answer:
			ops = append(ops, simulation.Answer())
		case Repeat:
			for range s.Times {
				ops = b.ops(ops, s.Do)
			}
		}
	}
	return ops
}

func (b *builder) requests(to []Target) (requests []simulation.Request) {
	for _, t := range to {
		r := simulation.Request{Queue: b.queues[t.Service]}
		if t.Own {
			r.Does = b.program(t.Do)
		}
		requests = append(requests, r)
	}
	return requests
}

// limit says what ends a wait: the earlier of cancellation and timeout.
func (b *builder) limit(s *Step) simulation.Limit {
	timeout, cancel := simulation.Limit{Crash: !s.Catch}, simulation.Limit{Cancels: true, After: s.Cancel.Draw}
	if s.Timeout.Zero() && s.Cancel.Zero() {
		return timeout
	}
	timeout.After = s.Timeout.Draw
	switch {
	case s.Cancel.Zero():
		return timeout
	case s.Timeout.Zero():
		return cancel
	}
	late, given := s.Timeout.Draw(b.rng), s.Cancel.Draw(b.rng)
	if late < given {
		timeout.After = always(late)
		return timeout
	}
	cancel.After = always(given)
	return cancel
}

func always(d time.Duration) simulation.Draw { return func(*rand.Rand) time.Duration { return d } }

// Disturbs returns when a fault is in the way of reports, in a run of a length.
func (f Fault) Disturbs(length time.Duration) simulation.Window {
	return f.simulated(nil).Disturbs(length)
}

// simulated returns a fault in a system that has some replicas.
func (f Fault) simulated(replicas []string) simulation.Fault {
	type what struct {
		action Action
		part   Part
	}
	kind := map[what]simulation.FaultKind{
		{Kill, Process}: simulation.KillProcess, {Pause, Process}: simulation.PauseProcess,
		{Kill, Replica}: simulation.KillReplica, {Pause, Replica}: simulation.PauseReplica,
		{Kill, Agent}: simulation.CutAgent, {Pause, Agent}: simulation.CutAgent,
		{Kill, Detector}: simulation.KillDetector, {Pause, Detector}: simulation.PauseDetector,
		{Drop, Replica}: simulation.DropConnection, {Partition, Agent}: simulation.CutAgent,
	}[what{f.Action, f.Part}]
	names := f.Names
	if f.Action == Partition && len(names) == 0 {
		names = slices.Clone(replicas)
	}
	return simulation.Fault{At: f.At, Kind: kind, Lasting: f.Lasting, Names: names}
}
