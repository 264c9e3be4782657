package live

import (
	"context"
	"slices"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/internal/simulation"
)

// alone returns how many hosts a scenario needs for itself: none if nothing goes
// wrong with it that would concern others who play on the same stage.
func alone(s *scenario.Scenario) (hosts int) {
	if !slices.ContainsFunc(s.Faults, func(f scenario.Fault) bool { return f.Part != scenario.Process }) {
		return 0
	}
	replicas := map[string]struct{}{scenario.Sessions: {}}
	for i := range s.Services {
		for _, r := range s.Services[i].Replicas {
			replicas[r] = struct{}{}
		}
	}
	return len(replicas)
}

// trouble is what a fault does, and what ends it if it does not last for good.
type trouble struct {
	strike func(*play, scenario.Fault)
	mend   func(context.Context, *play, scenario.Fault) // nil: it ends by itself
}

// what tells faults apart.
type what struct {
	action scenario.Action
	part   scenario.Part
}

var troubles = map[what]trouble{
	{scenario.Kill, scenario.Process}:    {(*play).killProcesses, nil},
	{scenario.Pause, scenario.Process}:   {(*play).pauseProcesses, nil},
	{scenario.Kill, scenario.Replica}:    {(*play).killReplicas, startReplicas},
	{scenario.Pause, scenario.Replica}:   {(*play).pauseReplicas, resumeAgents},
	{scenario.Drop, scenario.Replica}:    {(*play).drop, nil},
	{scenario.Kill, scenario.Agent}:      {(*play).killAgents, resumeAgents},
	{scenario.Pause, scenario.Agent}:     {(*play).haltAgents, resumeAgents},
	{scenario.Partition, scenario.Agent}: {(*play).haltAgents, resumeAgents},
	{scenario.Kill, scenario.Detector}:   {killDetector, startDetector},
	{scenario.Pause, scenario.Detector}:  {haltDetector, resumeDetector},
}

// befall does what goes wrong, at its time, and ends it. What goes wrong from the
// beginning has done so when it returns.
func (p *play) befall(ctx context.Context, f scenario.Fault) {
	p.journal.disturb(f.Disturbs(p.s.For))
	t := troubles[what{f.Action, f.Part}]
	if f.At == 0 {
		t.strike(p, f)
	}
	over := p.journal.timer()
	p.running.Go(func() {
		defer over()
		if f.At > 0 {
			if pause.For(ctx, f.At) != nil {
				return
			}
			t.strike(p, f)
		}
		if f.Lasting > 0 && t.mend != nil && pause.For(ctx, f.Lasting) == nil {
			t.mend(ctx, p, f)
		}
	})
}

// hits reports whether a fault is about a replica.
func hits(f scenario.Fault, replica string) bool {
	return slices.Contains(f.Names, replica) || f.Action == scenario.Partition && len(f.Names) == 0
}

// residents returns the processes of the replicas that a fault is about.
func (p *play) residents(f scenario.Fault) (all []*process) {
	for _, one := range p.procs {
		if hits(f, one.replica) {
			all = append(all, one)
		}
	}
	return all
}

// struck returns the hosts that a fault is about.
func (p *play) struck(f scenario.Fault) (all []*host) {
	for replica, h := range p.hosts {
		if hits(f, replica) {
			all = append(all, h)
		}
	}
	return all
}

func (p *play) named(f scenario.Fault) []*process {
	return slices.DeleteFunc(slices.Clone(p.procs), func(one *process) bool { return !slices.Contains(f.Names, one.name) })
}

func (p *play) killProcesses(f scenario.Fault) {
	how := death{cause: errKilled, down: f.Lasting}
	if f.Lasting == 0 {
		how.down = -1
	}
	p.end(p.named(f), how)
}

func (p *play) pauseProcesses(f scenario.Fault) {
	for _, one := range p.named(f) {
		one.pause(f.Lasting)
	}
}

// killReplicas ends hosts. Their agents fall silent before anybody dies.
func (p *play) killReplicas(f scenario.Fault) {
	var over []*boot
	for _, h := range p.struck(f) {
		if b := h.down(); b != nil {
			b.end()
			h.reports.cut()
			over = append(over, b)
		}
	}
	p.end(p.residents(f), death{cause: errKilled, cut: p.disconnect(f), lost: true})
	for _, b := range over {
		b.close()
	}
}

// startReplicas starts hosts anew, and so the processes that wait for that.
func startReplicas(ctx context.Context, p *play, f scenario.Fault) {
	for _, h := range p.struck(f) {
		if err := h.start(ctx); err != nil {
			p.fail(err)
		}
	}
}

func (p *play) pauseReplicas(f scenario.Fault) {
	p.haltAgents(f)
	for _, one := range p.residents(f) {
		one.pause(f.Lasting)
	}
}

// drop cuts connections. Whose they are crashes, and starts anew; the agents tell.
func (p *play) drop(f scenario.Fault) {
	p.end(p.residents(f), death{cause: errDropped, down: restart, cut: p.disconnect(f)})
}

// disconnect returns what cuts the connections of processes.
func (p *play) disconnect(f scenario.Fault) func() {
	return func() {
		for _, h := range p.struck(f) {
			h.calls.cut()
		}
	}
}

// killAgents silences agents whose processes live on. Nobody watches those any
// more, if it is for good.
func (p *play) killAgents(f scenario.Fault) {
	p.haltAgents(f)
	for _, h := range p.struck(f) {
		h.reports.cut()
	}
	if f.Lasting > 0 {
		return
	}
	for _, one := range p.residents(f) {
		p.journal.note(
			runlog.Entry{Kind: runlog.Hide, Process: one.name},
			runlog.Entry{Kind: runlog.Lose, Process: one.name},
		)
	}
}

// haltAgents makes all stand still that agents send and are sent: it is on its way
// until that is over.
func (p *play) haltAgents(f scenario.Fault) {
	for _, h := range p.struck(f) {
		h.reports.halt()
	}
}

func resumeAgents(_ context.Context, p *play, f scenario.Fault) {
	for _, h := range p.struck(f) {
		h.reports.resume()
	}
}

func killDetector(p *play, _ scenario.Fault) { p.stage.detector.kill() }

// startDetector starts a detector that knows nothing.
func startDetector(_ context.Context, p *play, _ scenario.Fault) { p.stage.detector.start() }

func haltDetector(p *play, _ scenario.Fault) { p.stage.detector.line.halt() }

func resumeDetector(_ context.Context, p *play, _ scenario.Fault) { p.stage.detector.line.resume() }

// disturb notes when something is in the way of reports.
func (j *journal) disturb(when simulation.Window) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.record.Disturbed = append(j.record.Disturbed, when)
}
