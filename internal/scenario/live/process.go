package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
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
	play      *play
	name      string
	replica   string
	host      *host
	unwatched bool
	service   *scenario.Service // nil: a session
	does      []scenario.Step
	rng       *rand.Rand

	life   *life     // nil while it is down; guarded by the journal
	paused time.Time // until when it does nothing; guarded by the journal
}

// life is a process from its start to its end. What changes of it is guarded by
// the journal: once it is dead, it writes nothing there any more.
type life struct {
	*process
	conn   *amqprpc.Conn
	agent  *tracing.Agent   // nil: unwatched
	traced *tracing.Process // nil: unwatched
	cancel context.CancelCauseFunc

	dead     bool
	death    death // if it is
	blocked  bool
	request  *request              // being handled
	mailbox  map[*request]struct{} // those that somebody waits for
	answered bool
	held     map[*guard]struct{}
	awaits   []*request // whose replies it waits for

	outer *life              // within which it is there for one request alone; nil: none
	inner map[*life]struct{} // such lives within this one
	// returned are requests of its own call chain for which there will be one.
	returned map[*request]struct{}
}

// begin brings a process to life once its host is up. An error means that the
// context ended before.
func (p *process) begin(ctx context.Context) (context.Context, *life, error) {
	for {
		at, err := p.host.await(ctx)
		if err != nil {
			return nil, nil, err
		}
		if alive, l := p.live(ctx, at); l != nil {
			return alive, l, nil
		}
	}
}

// live begins a life of the process within one of its host, unless that is over.
func (p *process) live(ctx context.Context, at *boot) (context.Context, *life) {
	ctx, cancel := context.WithCancelCause(ctx)
	var kind []tracing.ProcessOption
	if p.service != nil && p.service.Reentrant {
		kind = append(kind, tracing.Reentrant())
	}
	l := &life{
		process: p, conn: at.conn, agent: at.agent, cancel: cancel,
		mailbox: make(map[*request]struct{}), held: make(map[*guard]struct{}),
		inner: make(map[*life]struct{}), returned: make(map[*request]struct{}),
	}
	if p.unwatched {
		l.conn, l.agent = at.blind, nil
	}
	l.traced = l.agent.Process(p.play.name+"/"+p.name, kind...)
	j := p.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if !p.host.is(at) {
		cancel(errKilled)
		return nil, nil
	}
	p.life = l
	if p.service != nil {
		j.write(runlog.Entry{Kind: runlog.Join, Process: p.name, Queue: p.service.Name})
		if b := p.play.buffers[p.service.Name]; b != nil {
			l.traced.Hold(report.Buffer, b.name)
		}
	}
	return ctx, l
}

// mailbox is how many requests a service takes ahead that takes what comes.
const mailbox = 250

// serve is the process of a service: one life after the other.
func (p *process) serve(ctx context.Context) {
	for ctx.Err() == nil {
		alive, l, err := p.begin(ctx)
		if err != nil {
			return
		}
		prefetch := p.service.Prefetch
		if prefetch == 0 {
			prefetch = mailbox
		}
		err = l.conn.Serve(alive, amqprpc.Server{
			Queue: p.play.queue(p.service.Name), Process: l.traced, Prefetch: prefetch, Received: l.receive, Handler: l.handle,
		})
		l.cancel(nil)
		switch {
		case ctx.Err() != nil:
			l.traced.Stop()
			return
		case !l.isDead():
			p.play.fail(fmt.Errorf("%s: %w", p.name, err))
			return
		case l.death.down < 0: // which nobody changes any more
			return
		}
		up := p.play.journal.timer()
		_ = pause.For(ctx, l.death.down)
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
	ctx, l = l.worker(ctx, one)
	defer l.rest()
	switch err := l.take(one); {
	case errors.Is(err, errKilled): // it goes back to the queue
		<-ctx.Done()
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
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
	ctx, l, err := p.begin(ctx)
	if err != nil {
		return
	}
	defer l.cancel(nil)
	w := &work{life: l, reply: func() error { return nil }}
	err = w.run(tracing.WithProcess(ctx, l.traced), p.does)
	l.traced.Stop() // unless it crashed
	if err != nil {
		return
	}
	j := p.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if !l.dead && !j.closed {
		j.record.Done = append(j.record.Done, p.name)
		p.life = nil
	}
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
	return pause.For(ctx, left)
}

// isDead reports whether the life has ended.
func (l *life) isDead() bool {
	l.play.journal.mu.Lock()
	defer l.play.journal.mu.Unlock()
	return l.dead
}

// write writes entries and with them makes a change, under the lock of the journal,
// unless the process is dead: then it reports false.
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

// receive writes that a request has come into the mailbox, which nobody else can
// take out of it.
func (l *life) receive(delivered *amqprpc.Request) {
	j := l.play.journal
	r := j.request(delivered.Body)
	j.mu.Lock()
	defer j.mu.Unlock()
	if r == nil || !r.awaited || r.done || l.dead {
		return
	}
	if l.ownChain(r) {
		l.returned[r] = struct{}{}
		return
	}
	l.mailbox[r] = struct{}{}
	j.write(runlog.Entry{Kind: runlog.Take, Process: l.name, Resource: r.name()})
}

// take begins to work on a request, unless that is over, or the process is dead.
func (l *life) take(r *request) error {
	j := l.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case l.dead:
		return errKilled
	case r.done: // it comes again, from a connection that was lost
		return amqprpc.ErrNoAnswer
	}
	l.claim(r)
	if _, mine := l.mailbox[r]; r.awaited && !mine {
		j.write(runlog.Entry{Kind: runlog.Take, Process: l.name, Resource: r.name()})
	}
	delete(l.mailbox, r)
	r.leave()
	l.request, l.answered = r, false
	return nil
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
