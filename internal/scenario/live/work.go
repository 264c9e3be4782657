package live

import (
	"context"
	"errors"
	"time"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// work is one run through a program.
type work struct {
	*life
	reply func() error // answers the request that is being handled
}

// run does the steps and gives back what is still held then. The error says why
// the process does not go on.
func (w *work) run(ctx context.Context, steps []scenario.Step) error {
	err := w.do(ctx, steps)
	if errors.Is(err, errTimeout) {
		w.fall(errTimeout)
	}
	w.releaseAll(ctx)
	if w.isDead() {
		return w.last(ctx)
	}
	return err
}

// do does one step after the other. Steps are nested no deeper than a file.
func (w *work) do(ctx context.Context, steps []scenario.Step) error {
	for i := range steps {
		if err := w.still(ctx); err != nil {
			return err
		}
		if err := w.step(ctx, &steps[i]); err != nil {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case w.isDead():
			return w.death.cause
		}
	}
	return w.still(ctx) // where there are no steps, too
}

func (w *work) step(ctx context.Context, s *scenario.Step) error {
	switch s.Verb {
	case scenario.Wait:
		over := w.play.journal.timer()
		defer over()
		return pause.For(ctx, s.For.Draw(w.rng))
	case scenario.Call:
		return w.call(ctx, s)
	case scenario.Send:
		return w.send(ctx, s)
	case scenario.Lock, scenario.Permit:
		return w.guarded(ctx, s)
	case scenario.Answer:
		return w.answer()
	case scenario.Repeat:
		for range s.Times {
			if err := w.do(ctx, s.Do); err != nil {
				return err
			}
		}
	}
	return nil
}

// limited returns a context for a wait, which ends when the step says so.
func (w *work) limited(ctx context.Context, s *scenario.Step) (context.Context, context.CancelFunc) {
	var ends []func()
	ctx, cancel := context.WithCancelCause(ctx)
	ends = append(ends, func() { cancel(nil) })
	if !s.Cancel.Zero() {
		timer := time.AfterFunc(s.Cancel.Draw(w.rng), func() { cancel(errGivenUp) })
		ends = append(ends, func() { timer.Stop() })
	}
	if !s.Timeout.Zero() {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, s.Timeout.Draw(w.rng))
		ends = append(ends, done)
	}
	if len(ends) > 1 {
		ends = append(ends, w.play.journal.timer())
	}
	return ctx, func() {
		for _, end := range ends {
			end()
		}
	}
}

// outcome says what the end of a wait means for the process: nil if it goes on.
// The context is that of the wait, within that of the process.
func (w *work) outcome(process, wait context.Context, s *scenario.Step, err error) error {
	switch {
	case err == nil:
		return nil
	case process.Err() != nil:
		return context.Cause(process)
	case w.isDead():
		return w.death.cause
	case errors.Is(context.Cause(wait), errGivenUp):
		return nil
	case errors.Is(wait.Err(), context.DeadlineExceeded):
		if s.Catch {
			return nil
		}
		return errTimeout
	}
	w.play.fail(err)
	return err
}

// call sends requests and waits for as many replies as it needs.
func (w *work) call(ctx context.Context, s *scenario.Step) error {
	var calls []amqprpc.Call
	w.write(func() { calls = w.enter(s) })
	wait, cancel := w.limited(ctx, s)
	defer cancel()
	_, err := w.conn.Gather(wait, s.Need, calls...)
	w.goOn()
	return w.outcome(ctx, wait, s, err)
}

// enter writes the beginning of a call. The caller has the lock of the journal.
func (w *work) enter(s *scenario.Step) (calls []amqprpc.Call) {
	j := w.play.journal
	entries := []runlog.Entry{{Kind: runlog.Begin, Process: w.name, Need: s.Need}}
	for i := range s.To {
		r := j.enter(&s.To[i], true)
		entries[0].Resources = append(entries[0].Resources, runlog.Resource{Name: r.name(), Holders: 1})
		if !w.play.services[r.queue].Reentrant { // otherwise it is not known who will serve it
			entries = append(entries, runlog.Entry{Kind: runlog.Send, Resource: r.name(), Queue: r.queue})
		}
		w.makes(r, s.Need < len(s.To))
		w.awaits = append(w.awaits, r)
		calls = append(calls, amqprpc.Call{Key: w.play.queue(r.queue), Body: r.body(), Timeout: -1})
	}
	w.blocked = true
	j.write(entries...)
	return calls
}

// goOn writes the end of a wait.
func (w *work) goOn() {
	j := w.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if !w.dead {
		w.blocked, w.awaits = false, nil
		j.write(append(w.adopt(), runlog.Entry{Kind: runlog.End, Process: w.name})...)
	}
}

// send sends a message that nobody waits for.
func (w *work) send(ctx context.Context, s *scenario.Step) error {
	wait, cancel := w.limited(ctx, s)
	defer cancel()
	room := w.play.buffers[s.To[0].Service]
	if room != nil && !w.fill(wait, room) {
		return w.outcome(ctx, wait, s, context.Cause(wait))
	}
	j := w.play.journal
	j.mu.Lock()
	r := j.enter(&s.To[0], false)
	r.room = room
	j.mu.Unlock()
	if w.isDead() {
		j.lose(r)
		return w.death.cause
	}
	err := w.conn.Send(wait, amqprpc.Message{Key: w.play.queue(r.queue), Body: r.body()})
	if err != nil {
		j.lose(r)
	}
	return w.outcome(ctx, wait, s, err)
}

// answer replies to the request that is being handled, if it is not answered.
func (w *work) answer() error {
	if !w.settle(false) {
		return nil
	}
	if err := w.reply(); err != nil && !w.isDead() {
		w.play.fail(err)
		return err
	}
	return nil
}

// guarded takes a guard and gives it back when what is to be done with it is
// done.
func (w *work) guarded(ctx context.Context, s *scenario.Step) error {
	g := w.play.guards[s.Guard]
	if err := w.acquire(ctx, g, s); err != nil {
		return err
	}
	if len(s.Do) == 0 {
		return nil
	}
	if err := w.do(ctx, s.Do); err != nil {
		return err
	}
	w.release(ctx, g)
	return nil
}

func (w *work) acquire(ctx context.Context, g *guard, s *scenario.Step) error {
	if w.has(g) {
		return nil
	}
	w.write(func() { w.blocked = true }, runlog.Entry{
		Kind: runlog.Begin, Process: w.name, Need: 1, Resources: []runlog.Resource{{Name: g.name, Holders: g.size}},
	})
	wait, cancel := w.limited(ctx, s)
	defer cancel()
	if err := g.acquire(wait); err != nil {
		w.goOn()
		return w.outcome(ctx, wait, s, err)
	}
	alive := w.write(func() { w.held[g], w.blocked = struct{}{}, false },
		runlog.Entry{Kind: runlog.Take, Process: w.name, Resource: g.name}, runlog.Entry{Kind: runlog.End, Process: w.name})
	if !alive {
		_ = g.release(ctx) // it has just been taken
		return w.death.cause
	}
	return nil
}

// release gives a guard back, if the process has it: its wait for it may have
// timed out.
func (w *work) release(ctx context.Context, g *guard) {
	if w.drop(g) {
		_ = g.release(ctx) // it is held
	}
}

// drop writes that a guard is given back. It reports whether it was held.
func (w *work) drop(g *guard) bool {
	j := w.play.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := w.held[g]; !ok {
		return false
	}
	delete(w.held, g)
	if !w.dead {
		j.write(runlog.Entry{Kind: runlog.Drop, Process: w.name, Resource: g.name})
	}
	return true
}

func (w *work) releaseAll(ctx context.Context) {
	for _, g := range w.play.guards {
		w.release(ctx, g)
	}
}

func (w *work) has(g *guard) bool {
	w.play.journal.mu.Lock()
	defer w.play.journal.mu.Unlock()
	_, ok := w.held[g]
	return ok
}
