package simulation

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// System is a world that is described instead of made up. Its processes do what
// their programs say; by chance are only the times that messages and steps take.
// Clocks agree, the network works, and nothing is broken by impatience.
type System struct {
	Replicas  []string // OS processes, each with an agent
	Queues    []Queue
	Guards    []Guard
	Processes []Process
	Faults    []Fault
	Length    time.Duration // of virtual time
}

// Queue is a queue on the broker. Its consumers take up to Prefetch requests at
// a time. Without such a limit they take what comes, and what they had is lost
// when they die; with it the broker gives it to another.
type Queue struct {
	Name     string
	Prefetch int
	Buffer   int // messages without a reply that are under way, at most; 0: any number
}

// Guard is a lock or a semaphore.
type Guard struct {
	Name string
	Kind report.Kind // Lock or Permit
	Size int
}

// Process does a program for each request from a queue or, without one, once.
type Process struct {
	Name      string
	Replica   int
	Queue     int // in System.Queues; -1: none
	Unwatched bool
	Reentrant bool
	Program   Program
}

// Record is what happened in a System.
type Record struct {
	Log       runlog.Log
	Verdicts  []Said // every announcement
	Crashes   []Crash
	Done      []string // processes without a queue that came to the end of their program
	Length    time.Duration
	Disturbed []Window // times in which something was in the way of reports
	Endless   bool     // the run was ended because of its many events
}

// Said is one announcement.
type Said struct {
	At time.Duration
	detector.Announce
}

// Crash is the end of a process that timed out or was killed.
type Crash struct {
	At      time.Duration
	Process string
}

// Window is a part of a run.
type Window struct{ From, To time.Duration }

// Bounds on a played system.
const (
	maxEvents = 3_000_000
	handling  = 50 * time.Microsecond // mean, of taking a request out of the mailbox
	lead      = 2 * time.Second       // before the beginning: a detector knows who there is by then
	lull      = 300 * time.Millisecond
)

// script is what a world has that plays a System.
type script struct {
	w      *world
	record Record
	moving int       // things that will happen without anybody's doing
	faults int       // to come
	quiet  time.Time // since when nothing moves; zero if something does
}

// scripted is what a process has in such a world.
type scripted struct {
	does      Program
	reentrant bool
	nested    bool     // serves one request of a reentrant process
	gone      bool     // for good
	idle      int      // pauses under way
	idling    []func() // what it does after them
}

// Play runs a system. Everything by chance comes from the seed.
func Play(seed uint64, s *System) Record {
	w := &world{rng: rand.New(rand.NewPCG(seed, 0)), now: begin.Add(-lead), opt: Options{
		Length: s.Length, Pause: 20 * time.Microsecond, Network: Network{Delay: 300 * time.Microsecond},
	}}
	w.score.Seed = seed
	w.script = &script{w: w}
	w.furnish(s)
	w.net = &network{w: w, found: newDetector}
	w.net.start()
	for _, h := range w.hosts {
		h.boot()
	}
	for _, f := range s.Faults {
		w.script.plan(f)
	}
	w.run()
	w.script.record.Length = min(w.now.Sub(begin), s.Length)
	return w.script.record
}

func (w *world) furnish(s *System) {
	for _, name := range s.Replicas {
		w.hosts = append(w.hosts, &host{w: w, name: name})
	}
	for _, g := range s.Guards {
		w.guards = append(w.guards, &guard{name: report.Resource(g.Name), kind: g.Kind, size: g.Size})
	}
	for _, q := range s.Queues {
		made := &queue{name: q.Name, mailbox: q.Prefetch == 0, prefetch: q.Prefetch}
		if q.Buffer > 0 {
			made.buffer = &buffer{name: report.Resource("buffer/" + q.Name), size: q.Buffer}
		}
		w.queues = append(w.queues, made)
	}
	for _, p := range s.Processes {
		made := &process{
			world: w, index: len(w.procs), host: w.hosts[p.Replica], name: p.Name, watched: !p.Unwatched,
			scripted: scripted{does: p.Program, reentrant: p.Reentrant},
		}
		if p.Queue >= 0 {
			made.serve = w.queues[p.Queue]
			made.serve.reentrant = p.Reentrant
			if b := made.serve.buffer; b != nil {
				b.drains = []*process{made}
				w.note(runlog.Entry{Kind: runlog.Take, Process: p.Name, Resource: string(b.name)})
			}
		}
		if p.Unwatched {
			w.note(runlog.Entry{Kind: runlog.Hide, Process: p.Name})
		}
		w.procs = append(w.procs, made)
	}
}

// note writes the run's log.
func (w *world) note(e runlog.Entry) {
	if w.script == nil {
		return
	}
	e.At = w.now.Sub(begin)
	w.script.record.Log = append(w.script.record.Log, e)
}

// sent notes what became of a request. One to a reentrant process is nobody's
// until that has it: only then it is known who serves it.
func (w *world) sent(r *request, kind runlog.Kind) {
	if w.script == nil || r.reply == "" || (kind == runlog.Send && r.queue.reentrant) {
		return
	}
	e := runlog.Entry{Kind: kind, Resource: string(r.reply), Queue: r.queue.name}
	if kind == runlog.Take {
		e.Process = r.taker.name
	}
	w.note(e)
}

// waits notes that a process is blocked.
func (w *world) waits(p *process, on *wait) {
	if w.script == nil {
		return
	}
	e := runlog.Entry{Kind: runlog.Begin, Process: p.name, Need: on.need}
	switch {
	case on.guard != nil:
		e.Resources = []runlog.Resource{{Name: string(on.guard.name), Holders: on.guard.size}}
	case on.buffer != nil:
		e.Resources = []runlog.Resource{{Name: string(on.buffer.buffer.name), Holders: 1}}
	}
	for _, r := range on.requests {
		e.Resources = append(e.Resources, runlog.Resource{Name: string(r.reply), Holders: 1})
	}
	w.note(e)
}

// move schedules what happens without anybody's doing.
func (w *world) move(d time.Duration, do func()) {
	if w.script == nil {
		w.after(d, do)
		return
	}
	w.script.moving++
	w.after(d, func() {
		w.script.moving--
		do()
	})
}

// handling is how long it takes, in the mean, to begin with a request.
func (w *world) handling() time.Duration {
	if w.script != nil {
		return handling
	}
	return time.Millisecond
}

// lead is how long it takes until the beginning.
func (w *world) lead() time.Duration { return max(0, begin.Sub(w.now)) }

// over reports whether nothing can happen any more, and the detector has had its
// time to speak about what there is.
func (s *script) over() bool {
	if s.w.score.Events > maxEvents {
		s.record.Endless = true
		return true
	}
	if s.moving > 0 || s.faults > 0 {
		s.quiet = time.Time{}
		return false
	}
	if s.quiet.IsZero() {
		s.quiet = s.w.now
	}
	patience := lull
	if slices.ContainsFunc(s.w.procs, func(p *process) bool { return p.blocked != nil }) {
		patience = Bound + lull
	}
	return s.w.now.Sub(s.quiet) > patience
}

func (s *script) announced(a *detector.Announce) {
	s.record.Verdicts = append(s.record.Verdicts, Said{s.w.now.Sub(begin), *a})
}

// write returns what a process does about a request, or by itself.
func (s *scripted) write(r *request) []op {
	does := s.does
	if r != nil && r.does != nil {
		does = r.does
	}
	if does == nil {
		return nil
	}
	var ops []op
	for _, o := range does() {
		ops = append(ops, o.do)
	}
	return ops
}

// done ends what has only one thing to do.
func (p *process) done() bool {
	switch {
	case p.nested:
		p.tell(func(l *ledger.Ledger, now time.Time) { l.Stop(now, p.id, report.Granted) })
		p.running, p.gone = false, true
	case p.serve == nil:
		p.gone = true
		p.world.script.record.Done = append(p.world.script.record.Done, p.name)
	}
	return p.gone
}

// fallen notes a crash. It reports whether the process stays down.
func (p *process) fallen() bool {
	s := p.world.script
	s.record.Crashes = append(s.record.Crashes, Crash{p.world.now.Sub(begin), p.name})
	p.gone = p.gone || p.nested || p.serve == nil
	return p.gone
}

// nest lets a process of its own serve a request.
func (p *process) nest(by *ledger.Process, r *request) {
	if by == nil {
		return
	}
	w := p.world
	n := &process{
		world: w, index: len(w.procs), host: p.host, name: by.Key().Process, serve: p.serve, id: by,
		watched: true, running: true, busy: true, request: r,
		scripted: scripted{does: p.does, nested: true},
	}
	w.procs = append(w.procs, n)
	r.taker = n
	w.sent(r, runlog.Take)
	n.handling(r)
	n.program = n.write(len(r.chain))
	n.later(w.around(handling), n.step)
}
