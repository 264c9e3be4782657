package simulation

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/internal/runlog"
)

// FaultKind is what goes wrong.
type FaultKind int

// The kinds of fault. A process crashes; a replica ends without a word, and so
// does its agent; what is paused does nothing for a time.
const (
	KillProcess FaultKind = iota
	PauseProcess
	KillReplica
	PauseReplica
	DropConnection // of a replica: its processes crash and what they had goes back
	CutAgent       // off from the detector
	KillDetector
	PauseDetector
)

// Fault is something that goes wrong.
type Fault struct {
	At      time.Duration
	Kind    FaultKind
	Lasting time.Duration // 0: for good
	Names   []string      // of processes or replicas
}

// Disturbs returns when a fault is in the way of reports, in a run of a length:
// nobody can be blamed then for what he does not hear.
func (f Fault) Disturbs(length time.Duration) Window {
	switch {
	case f.Kind == KillProcess, f.Kind == PauseProcess, // its agent lives and tells
		f.Kind == KillReplica, f.Kind == DropConnection: // its agent has nothing to say any more
		return Window{f.At, f.At}
	case f.Kind == KillDetector && f.Lasting == 0:
		return Window{f.At, length}
	}
	return Window{f.At, f.At + f.Lasting}
}

// plan schedules a fault and its end.
func (s *script) plan(f Fault) {
	s.record.Disturbed = append(s.record.Disturbed, f.Disturbs(s.w.opt.Length))
	s.faults++
	s.w.after(lead+f.At, func() {
		s.faults--
		s.befall(f)
	})
}

// lasting calls do when a fault is over, if ever.
func (s *script) lasting(f Fault, do func()) {
	if f.Lasting == 0 {
		return
	}
	s.faults++
	s.w.after(f.Lasting, func() {
		s.faults--
		do()
	})
}

func (s *script) befall(f Fault) {
	switch f.Kind {
	case KillDetector:
		s.w.net.kill()
		s.lasting(f, s.w.net.revive)
	case PauseDetector:
		s.w.net.held = true
		s.lasting(f, s.w.net.release)
	case KillProcess, PauseProcess:
		for _, p := range slices.Clone(s.w.procs) {
			if slices.Contains(f.Names, p.name) && p.running {
				s.hit(p, f)
			}
		}
	case KillReplica, PauseReplica, DropConnection, CutAgent:
		for _, h := range s.w.hosts {
			if slices.Contains(f.Names, h.name) && h.alive {
				s.strike(h, f)
			}
		}
	}
}

func (s *script) hit(p *process, f Fault) {
	if f.Kind == PauseProcess {
		p.pause()
		s.lasting(f, p.resume)
		return
	}
	p.stopped()
	p.die()
	if gone := p.fallen(); gone {
		return
	}
	p.gone = true
	s.lasting(f, func() {
		if p.gone = false; p.host.alive {
			p.start()
		}
	})
}

func (s *script) strike(h *host, f Fault) {
	procs := slices.DeleteFunc(slices.Clone(s.w.procs), func(p *process) bool { return p.host != h || !p.running })
	switch f.Kind {
	case KillReplica:
		h.alive = false
		for _, p := range procs {
			s.w.note(runlog.Entry{Kind: runlog.Lose, Process: p.name})
			p.vanish()
			p.fallen()
		}
		s.lasting(f, h.boot)
	case DropConnection:
		for _, p := range procs {
			p.stopped()
			p.vanish()
			if !p.fallen() {
				h.later(s.w.around(50*time.Millisecond), p.start)
			}
		}
	case PauseReplica:
		for _, p := range procs {
			p.pause()
			s.lasting(f, p.resume)
		}
		fallthrough
	case CutAgent:
		h.cut = true
		if f.Lasting == 0 {
			for _, p := range s.w.procs { // those that are down come back unwatched
				if p.host == h {
					s.w.note(runlog.Entry{Kind: runlog.Hide, Process: p.name})
					s.w.note(runlog.Entry{Kind: runlog.Lose, Process: p.name})
				}
			}
		}
		s.lasting(f, func() { h.cut = false })
	}
}

func (p *process) pause() { p.idle++ }

// resume lets the process do what it would have done.
func (p *process) resume() {
	p.idle--
	if p.idle > 0 {
		return
	}
	missed := p.idling
	p.idling = nil
	for _, do := range missed {
		p.later(p.world.around(handling), do)
	}
}

// kill ends the detector.
func (n *network) kill() {
	n.life++
	n.down = true
}

// revive starts one that knows nothing.
func (n *network) revive() {
	n.down = false
	n.restart()
}

// release lets the detector work off what it has missed.
func (n *network) release() {
	n.held = false
	missed := n.backlog
	n.backlog = nil
	for _, e := range missed {
		n.step(e)
	}
}
