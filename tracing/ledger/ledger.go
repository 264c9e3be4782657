package ledger

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Config bounds a ledger. The zero value of a field stands for its default.
type Config struct {
	ReportAfter  time.Duration // an uncontended wait is reported after this long; default 50 ms
	Remember     time.Duration // how long the names of answered requests are kept; default 30 s
	MaxProcesses int           // processes at a time; default 20,000
	MaxHolds     int           // resources that one process holds at a time; default 20,000
	MaxTaken     int           // names of answered and of abandoned requests, each; default 65,536
	PartBytes    int           // about so much of the complete set is told in one batch; default 4 MiB
}

func (c Config) withDefaults() Config {
	orElse(&c.ReportAfter, 50*time.Millisecond)
	orElse(&c.Remember, 30*time.Second)
	orElse(&c.MaxProcesses, 20_000)
	orElse(&c.MaxHolds, 20_000)
	orElse(&c.MaxTaken, 1<<16)
	orElse(&c.PartBytes, 4<<20)
	return c
}

func orElse[T int | time.Duration](v *T, fallback T) {
	if *v <= 0 {
		*v = fallback
	}
}

// Stats counts what a ledger has done. All but the gauges only grow.
type Stats struct {
	Processes int // gauge
	Blocked   int // gauge: processes
	Dirty     int // gauge: processes to be reported

	States    uint64 // reported, answers included
	Closed    uint64 // requests that came back to a blocked process through its own call chain
	Breaches  uint64 // answers by a process that claimed to be blocked
	Unseen    uint64 // processes, waits, holds and memberships beyond the bounds or without a proper name: not observed
	Forgotten uint64 // names of answered or abandoned requests forgotten for want of room
}

// Ledger knows who waits for and holds what in one OS process. It is not safe
// for concurrent use.
type Ledger struct {
	cfg   Config
	agent report.Agent

	procs   map[uint64]*Process // by activation
	pending list                // blocked, not to be reported yet; the one that blocked first is due first
	dirty   list                // to be reported, in the order in which they came to be
	taken   taken
	members map[report.Member]struct{}
	moved   bool                // members changed since the last heartbeat
	beats   uint64              // heartbeats made
	settled uint64              // the number of the first heartbeat with the present members; 0: there never were any
	told    uint64              // the activation through which the complete set has been told, 0 if it is not under way
	liars   map[string]struct{} // names of processes that answered while they claimed to be blocked
	digest  report.Digest       // of the blocked states last numbered
	spare   *hold               // for reuse
	spares  int

	lastActivation, lastEpoch uint64
	stats                     Stats
}

// New returns an empty ledger for one incarnation of an agent.
func New(a report.Agent, cfg Config) *Ledger {
	cfg = cfg.withDefaults()
	return &Ledger{
		cfg: cfg, agent: a,
		procs:   make(map[uint64]*Process),
		members: make(map[report.Member]struct{}),
		liars:   make(map[string]struct{}),
		taken:   newTaken(cfg.MaxTaken),
		pending: list{slot: pendingSlot},
		dirty:   list{slot: dirtySlot},
	}
}

// Start begins a new activation of the named process. A reentrant process
// serves requests of its own call chain while it waits. Start returns nil, which
// every method takes and ignores, if there are too many processes or the name
// cannot be reported.
func (l *Ledger) Start(name string, reentrant bool) *Process {
	if len(l.procs) >= l.cfg.MaxProcesses || !proper(name, report.MaxName) {
		l.stats.Unseen++
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
	for _, q := range p.queues {
		delete(l.members, report.Member{Key: p.key, Queue: q})
		l.move()
	}
	p.queues, p.stopped = nil, true
	if p.seq == 0 && !p.breach { // nobody has heard of it
		l.dirty.remove(p)
	}
	l.bury(p)
}

// bury forgets a stopped process of which nothing is left to be said.
func (l *Ledger) bury(p *Process) {
	if p.stopped && !p.in(dirtySlot) {
		delete(l.procs, p.key.Activation)
	}
}

// Join notes that p consumes a queue, before it does.
func (l *Ledger) Join(p *Process, queue string) {
	switch {
	case p == nil || p.stopped || slices.Contains(p.queues, queue):
	case len(l.members) >= report.MaxMembers || !proper(queue, report.MaxName):
		l.stats.Unseen++
	default:
		p.queues = append(p.queues, queue)
		l.members[report.Member{Key: p.key, Queue: queue}] = struct{}{}
		l.move()
	}
}

// Leave notes that p has stopped consuming a queue. If p is blocked, another wait
// epoch begins.
func (l *Ledger) Leave(p *Process, queue string) {
	if p == nil {
		return
	}
	if i := slices.Index(p.queues, queue); i >= 0 {
		p.queues = slices.Delete(p.queues, i, i+1)
		delete(l.members, report.Member{Key: p.key, Queue: queue})
		l.move()
		if p.blocked() {
			l.changed(p)
			l.renew(p)
		}
	}
}

// move notes that the members are others than the last heartbeat told.
func (l *Ledger) move() { l.moved, l.settled = true, l.beats+1 }

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
	s.Processes, s.Dirty, s.Forgotten = len(l.procs), l.dirty.len, l.taken.early
	return s
}

// proper reports whether a report can carry a name. One that it cannot carry
// would make the whole batch invalid.
func proper(name string, limit int) bool {
	return name != "" && len(name) <= limit && utf8.ValidString(name)
}
