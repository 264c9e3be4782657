package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/internal/simulation"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Why what a process does comes to an end before its time.
var (
	errOver    = errors.New("the play is over")
	errKilled  = errors.New("killed")
	errDropped = errors.New("connection lost")
	errTimeout = errors.New("no answer in time")
	errGivenUp = errors.New("given up") // the process goes on
)

// process is one worker of a service or a session.
type process struct {
	play    *play
	name    string
	replica string
	host    *host
	service *scenario.Service // nil: a session
	does    []scenario.Step
	rng     *rand.Rand

	life   *life     // nil while it is down; guarded by the journal
	paused time.Time // until when it does nothing; guarded by the journal
}

// life is a process from its start to its end. What changes of it is guarded by
// the journal: once it is dead, it writes nothing there any more.
type life struct {
	*process
	traced *tracing.Process // nil: unwatched
	cancel context.CancelCauseFunc

	dead     bool
	down     time.Duration // how long it stays down after its death; negative: for good
	blocked  bool
	request  *request // being handled
	answered bool
	held     map[*guard]struct{}
}

// restart is how long it takes until a process that crashed is up again.
const restart = 50 * time.Millisecond

// begin brings a process to life.
func (p *process) begin(ctx context.Context) (context.Context, *life) {
	ctx, cancel := context.WithCancelCause(ctx)
	l := &life{process: p, traced: p.host.agent.Process(p.play.name + "/" + p.name), cancel: cancel, held: make(map[*guard]struct{})}
	j := p.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	p.life = l
	if p.service != nil {
		j.write(runlog.Entry{Kind: runlog.Join, Process: p.name, Queue: p.service.Name})
	}
	return ctx, l
}

// mailbox is how many requests a service takes ahead that takes what comes.
const mailbox = 250

// serve is the process of a service: one life after the other.
func (p *process) serve(ctx context.Context) {
	for ctx.Err() == nil {
		alive, l := p.begin(ctx)
		prefetch := p.service.Prefetch
		if prefetch == 0 {
			prefetch = mailbox
		}
		err := p.host.conn.Serve(alive, amqprpc.Server{
			Queue: p.play.queue(p.service.Name), Process: l.traced, Prefetch: prefetch, Handler: l.handle,
		})
		l.cancel(nil)
		switch {
		case ctx.Err() != nil:
			l.traced.Stop()
			return
		case !l.isDead():
			p.play.fail(fmt.Errorf("%s: %w", p.name, err))
			return
		case l.down < 0: // which nobody changes any more
			return
		}
		up := p.play.journal.timer()
		_ = pause(ctx, l.down)
		up()
	}
}

// handle does what a request asks for.
func (l *life) handle(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
	j := l.play.journal
	one := j.request(r.Body)
	if one == nil {
		return nil, amqprpc.ErrNoAnswer
	}
	if l.service.Prefetch == 0 && r.Redelivered { // it died with the mailbox in which it was
		j.lose(one)
		return nil, amqprpc.ErrNoAnswer
	}
	if !l.take(one) { // it comes again, from a connection that was lost
		return nil, amqprpc.ErrNoAnswer
	}
	steps := l.does
	if one.own {
		steps = one.does
	}
	w := &work{life: l, reply: func() error { return r.Reply(ctx, nil) }}
	if err := w.run(ctx, steps); err != nil {
		return nil, err
	}
	l.settle(true)
	return nil, nil
}

// session does its program, once.
func (p *process) session(ctx context.Context) {
	ctx, l := p.begin(ctx)
	defer l.cancel(nil)
	w := &work{life: l, reply: func() error { return nil }}
	if w.run(tracing.WithProcess(ctx, l.traced), p.does) != nil {
		l.traced.Stop() // unless it crashed
		return
	}
	l.traced.Stop()
	j := p.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if !l.dead && !j.closed {
		j.record.Done = append(j.record.Done, p.name)
		p.life = nil
	}
}

// kill ends the process, for good or for a time.
func (p *process) kill(lasting time.Duration, cause error) {
	p.play.journal.mu.Lock()
	l := p.life
	p.play.journal.mu.Unlock()
	if l == nil {
		return
	}
	if lasting == 0 {
		lasting = -1
	}
	l.fall(lasting, cause)
}

// pause makes the process stop at its next step, for a time.
func (p *process) pause(lasting time.Duration) {
	p.play.journal.mu.Lock()
	defer p.play.journal.mu.Unlock()
	if until := time.Now().Add(lasting); until.After(p.paused) {
		p.paused = until
	}
}

// still waits for as long as the process is paused.
func (p *process) still(ctx context.Context) error {
	p.play.journal.mu.Lock()
	left := time.Until(p.paused)
	p.play.journal.mu.Unlock()
	if left <= 0 {
		return nil
	}
	over := p.play.journal.timer()
	defer over()
	return pause(ctx, left)
}

// fall is the end of a life: what the process has is gone, and it answers nobody.
func (l *life) fall(down time.Duration, cause error) {
	if l.die(down) {
		l.traced.Crash()
		l.cancel(cause)
	}
}

// die writes the end of a life. It reports whether there was one to end.
func (l *life) die(down time.Duration) bool {
	j := l.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.dead || j.closed {
		return false
	}
	l.dead, l.down, l.life = true, down, nil
	var entries []runlog.Entry
	if l.blocked {
		entries = append(entries, runlog.Entry{Kind: runlog.End, Process: l.name})
	}
	if l.service != nil {
		entries = append(entries, runlog.Entry{Kind: runlog.Leave, Process: l.name, Queue: l.service.Name})
	}
	for g := range l.held {
		entries = append(entries, runlog.Entry{Kind: runlog.Drop, Process: l.name, Resource: g.name})
	}
	if l.request != nil {
		entries = append(entries, l.request.settle()...)
		j.finish(l.request)
	}
	j.write(entries...)
	j.record.Crashes = append(j.record.Crashes, simulation.Crash{At: j.at(), Process: l.name})
	return true
}

// isDead reports whether the life has ended.
func (l *life) isDead() bool {
	l.play.journal.mu.Lock()
	defer l.play.journal.mu.Unlock()
	return l.dead
}

// write writes entries unless the process is dead.
// With them it makes a change, under the lock of the journal.
func (l *life) write(change func(), entries ...runlog.Entry) bool {
	j := l.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.dead {
		return false
	}
	change()
	j.write(entries...)
	return true
}

// take begins to work on a request. It reports whether that is not over yet.
func (l *life) take(r *request) (fresh bool) {
	var entries []runlog.Entry
	if r.awaited {
		entries = append(entries, runlog.Entry{Kind: runlog.Take, Process: l.name, Resource: r.name()})
	}
	j := l.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.done {
		return false
	}
	if !l.dead {
		l.request, l.answered = r, false
		j.write(entries...)
	}
	return true
}

// settle writes that the request is answered, and perhaps done. It reports
// whether it was not answered before.
func (l *life) settle(done bool) (first bool) {
	l.write(func() {
		r, j := l.request, l.play.journal
		if r == nil {
			return
		}
		first = !l.answered
		l.answered = true
		j.write(r.settle()...)
		if done {
			j.finish(r)
			l.request = nil
		}
	})
	return first
}

// body is what the broker carries of a request.
func (r *request) body() []byte { return []byte(strconv.Itoa(r.number)) }
