package ledger

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Config bounds a ledger. The zero value of a field stands for its default.
type Config struct {
	ReportAfter  time.Duration // an uncontended wait is reported after this long; default 50 ms
	Remember     time.Duration // how long the names of answered requests are kept; default 30 s
	MaxProcesses int           // processes at a time; default 100,000
	MaxHolds     int           // resources that one process holds at a time; default 50,000
	MaxTaken     int           // names of answered and of abandoned requests, each; default 65,536
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	setInt := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	set(&c.ReportAfter, 50*time.Millisecond)
	set(&c.Remember, 30*time.Second)
	setInt(&c.MaxProcesses, 100_000)
	setInt(&c.MaxHolds, 50_000)
	setInt(&c.MaxTaken, 65_536)
	return c
}

// Stats counts what a ledger has done. All but the gauges only grow.
type Stats struct {
	Processes int // gauge
	Blocked   int // gauge
	Dirty     int // gauge: to be reported

	States    uint64 // reported
	Closed    uint64 // requests that came back to a process through its own call chain
	Breaches  uint64 // answers by a process that claimed to be blocked
	Overflows uint64 // processes and holds beyond the bounds, not observed
}

// Ledger knows who waits for and holds what in one OS process. It is not safe
// for concurrent use.
type Ledger struct {
	cfg   Config
	agent report.Agent

	procs   map[uint64]*Process // by activation
	pending list                // blocked, not reported yet; the one that blocked first is due first
	dirty   list                // to be reported, in the order in which they came to be
	taken   taken
	members map[report.Member]struct{}
	moved   bool                // members changed since the last heartbeat
	liars   map[string]struct{} // names of processes that broke the contract
	digest  report.Digest       // of what was last reported of processes blocked since

	lastActivation, lastEpoch uint64
	stats                     Stats
}

// New returns an empty ledger for one incarnation of an agent.
func New(a report.Agent, cfg Config) *Ledger {
	cfg = cfg.withDefaults()
	l := &Ledger{
		cfg: cfg, agent: a,
		procs:   make(map[uint64]*Process),
		members: make(map[report.Member]struct{}),
		liars:   make(map[string]struct{}),
		taken:   newTaken(cfg.MaxTaken),
	}
	l.pending.slot, l.dirty.slot = pendingSlot, dirtySlot
	return l
}

// Start begins a new activation of the named process. A reentrant process
// serves requests of its own call chain while it waits. Start returns nil, which
// every method takes and ignores, if there are too many processes.
func (l *Ledger) Start(name string, reentrant bool) *Process {
	if len(l.procs) >= l.cfg.MaxProcesses {
		l.stats.Overflows++
		return nil
	}
	l.lastActivation++
	p := &Process{
		key:       report.Key{Agent: l.agent, Process: name, Activation: l.lastActivation},
		reentrant: reentrant,
	}
	_, p.breach = l.liars[name]
	l.procs[p.key.Activation] = p
	return p
}

// Stop ends an activation, and a wait that it is in by the given cause. The
// requests that it still owes an answer are abandoned.
func (l *Ledger) Stop(now time.Time, p *Process, cause report.Cause) {
	if p == nil || p.stopped {
		return
	}
	l.Unblock(now, p, cause)
	for _, h := range p.holds {
		if h.kind == report.Reply {
			l.abandon(p, h)
		} else {
			l.drop(p, h)
		}
	}
	for m := range l.members {
		if m.Key == p.key {
			delete(l.members, m)
			l.moved = true
		}
	}
	p.stopped = true
	if !p.in(dirtySlot) {
		delete(l.procs, p.key.Activation)
	}
}

// Block begins a wait epoch: p is blocked until need of waits are granted. If p
// is blocked already, on all of its waits, and needs all of the new ones, they
// join the present epoch: two goroutines of one process wait, and it goes on
// when both can. Otherwise ok is false and nothing has changed: the second wait
// must be another process's.
func (l *Ledger) Block(now time.Time, p *Process, need int, waits ...report.Wait) (epoch uint64, ok bool) {
	switch {
	case p == nil || p.stopped || len(waits) == 0 || need < 1 || need > len(waits) || len(p.waits)+len(waits) > report.MaxWaits:
		return 0, false
	case p.blocked() && (p.need < len(p.waits) || need < len(waits)):
		return 0, false
	case p.blocked():
		p.waits = append(p.waits, waits...)
		p.need += need
		l.changed(p)
		return p.epoch, true
	}
	l.lastEpoch++
	l.stats.Blocked++
	p.epoch, p.need = l.lastEpoch, need
	p.waits = append(p.waits[:0], waits...)
	if p.queued > 0 || p.owned > 0 || waits[0].Kind != report.Reply {
		l.report(p)
		return p.epoch, true
	}
	p.since = now
	l.pending.push(p)
	return p.epoch, true
}

// Grant notes that one of the resources that p waits for was granted. It
// reports whether that was all p needed, and has then ended the epoch.
func (l *Ledger) Grant(now time.Time, p *Process, r report.Resource) (free bool) {
	if p == nil || !p.blocked() {
		return false
	}
	for i := range p.waits {
		if p.waits[i].Resource == r {
			p.waits = append(p.waits[:i], p.waits[i+1:]...)
			p.need--
			if p.need == 0 {
				l.end(p, report.Granted)
				return true
			}
			l.changed(p)
			return false
		}
	}
	return false
}

// Unblock ends the present epoch of p, if it is in one.
func (l *Ledger) Unblock(_ time.Time, p *Process, cause report.Cause) {
	if p != nil && p.blocked() {
		l.end(p, cause)
	}
}

// Withdraw takes back waits that joined p's epoch and ended otherwise than by
// being granted. When none is left the epoch ends by cause.
func (l *Ledger) Withdraw(_ time.Time, p *Process, cause report.Cause, rs ...report.Resource) {
	if p == nil || !p.blocked() {
		return
	}
	gone := func(w report.Wait) bool {
		for _, r := range rs {
			if r == w.Resource {
				return true
			}
		}
		return false
	}
	kept := p.waits[:0]
	for _, w := range p.waits {
		if !gone(w) {
			kept = append(kept, w)
		}
	}
	if len(kept) == len(p.waits) {
		return
	}
	p.waits = kept
	if p.need = min(p.need, len(kept)); p.need == 0 {
		l.end(p, cause)
		return
	}
	l.changed(p)
}

// end ends the epoch of a blocked process. Of a wait that was never reported
// there is nothing to report.
func (l *Ledger) end(p *Process, cause report.Cause) {
	l.stats.Blocked--
	p.waits, p.need = p.waits[:0], 0
	l.pending.remove(p)
	p.fresh = p.fresh[:0]
	if p.reported == 0 {
		return
	}
	if p.ended.Epoch != p.reported {
		p.ended = report.End{Epoch: p.reported, Cause: cause}
	}
	l.report(p)
}

// changed notes that the state of a blocked process is not what was reported.
func (l *Ledger) changed(p *Process) {
	if p.reported == p.epoch {
		l.report(p)
	}
}

// report puts p among those to be reported, in full.
func (l *Ledger) report(p *Process) {
	l.pending.remove(p)
	p.whole = true
	l.dirty.push(p)
}

// Due returns when Tick has something to do; zero if it has nothing.
func (l *Ledger) Due() time.Time {
	if p := l.pending.first; p != nil {
		return p.since.Add(l.cfg.ReportAfter)
	}
	return time.Time{}
}

// Tick reports the processes that have been blocked for long enough.
func (l *Ledger) Tick(now time.Time) {
	for p := l.pending.first; p != nil && !p.since.Add(l.cfg.ReportAfter).After(now); p = l.pending.first {
		l.report(p)
	}
	l.taken.forget(now)
}

// Stats returns the present figures.
func (l *Ledger) Stats() Stats {
	s := l.stats
	s.Processes, s.Dirty = len(l.procs), l.dirty.len
	return s
}
