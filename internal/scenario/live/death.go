package live

import (
	"context"
	"time"

	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/simulation"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// death says how lives end.
type death struct {
	cause error
	down  time.Duration // until the next life; negative: there is none
	// cut, unless it is nil, ends the connections, so that the broker delivers to
	// others what those who die have in hand. Otherwise it is lost.
	cut  func()
	lost bool // the agent goes with them
}

// restart is how long it takes until a process that crashed is up again.
const restart = 50 * time.Millisecond

// fall is the end of a life that no fault ends: what the process has is gone, and
// it answers nobody.
func (l *life) fall(cause error) { end([]*life{l}, death{cause: cause, down: restart}) }

// end ends the lives of processes that have one.
func (p *play) end(all []*process, how death) {
	var lives []*life
	for _, one := range all {
		if l := one.present(); l != nil {
			lives = append(lives, l)
		}
	}
	end(lives, how)
}

// end ends lives, with those within them. In the log they are over before anybody
// can see it.
func end(all []*life, how death) {
	var over []*life
	for _, l := range all {
		if !l.die(how) {
			continue
		}
		over = append(over, l)
		for _, n := range l.within() {
			if n.die(how) {
				over = append(over, n)
			}
		}
	}
	for _, l := range over {
		l.traced.Crash()
	}
	if how.cut != nil {
		how.cut()
	}
	for _, l := range over {
		l.cancel(how.cause)
	}
}

// present returns the life of a process, nil while it is down.
func (p *process) present() *life {
	p.play.journal.mu.Lock()
	defer p.play.journal.mu.Unlock()
	return p.life
}

// die writes the end of a life. It reports whether there was one to end.
func (l *life) die(how death) bool {
	j := l.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.dead || j.closed {
		return false
	}
	l.dead, l.death, l.life = true, how, nil
	var entries []runlog.Entry
	if how.lost {
		entries = append(entries, runlog.Entry{Kind: runlog.Lose, Process: l.name})
	}
	if l.blocked {
		entries = append(entries, runlog.Entry{Kind: runlog.End, Process: l.name})
	}
	if l.service != nil && l.outer == nil {
		entries = append(entries, runlog.Entry{Kind: runlog.Leave, Process: l.name, Queue: l.service.Name})
	}
	for g := range l.held {
		entries = append(entries, runlog.Entry{Kind: runlog.Drop, Process: l.name, Resource: g.name})
	}
	for r := range l.mailbox { // the broker has them again
		entries = append(entries, runlog.Entry{Kind: runlog.Send, Resource: r.name(), Queue: r.queue})
	}
	l.mailbox = nil
	j.write(append(entries, l.forsake()...)...)
	j.record.Crashes = append(j.record.Crashes, simulation.Crash{At: j.at(), Process: l.name})
	return true
}

// forsake returns what is to be written of the request that a dead process has in
// hand. The caller has the lock of the journal.
func (l *life) forsake() []runlog.Entry {
	r := l.request
	l.request = nil
	switch {
	case r == nil:
		return nil
	case l.death.cut == nil, l.answered:
		defer l.play.journal.finish(r)
		return r.settle()
	case r.awaited:
		return []runlog.Entry{{Kind: runlog.Send, Resource: r.name(), Queue: r.queue}}
	}
	return nil
}

// last returns what the handler of a dead process does: it gives the request back
// to the broker, or else takes it along.
func (l *life) last(ctx context.Context) error {
	if l.death.cut == nil {
		return amqprpc.Crash(l.death.cause)
	}
	<-ctx.Done()
	return context.Cause(ctx)
}
