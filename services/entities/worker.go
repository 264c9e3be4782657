package entities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// mailbox is how many requests a process takes up ahead of the one it works on.
const mailbox = 256

// soon is how long a process waits before it claims its name again.
const soon = 5 * time.Millisecond

// termination ends a process that is not alone under its name.
type termination struct{ text string }

func (t *termination) Error() string { return t.text }

func (w *worker) conflict() error { return &termination{"name conflict, terminating " + w.id} }

// worker is the process of one entity at one server, from its first claim of the
// name to its termination. A crash ends an activation and not the worker.
type worker struct {
	server *Server
	id     string
	name   string

	began   chan struct{} // closed when it has had its name once
	begin   func()
	ended   chan struct{} // closed when it is over
	failure error         // why it ended before it began; read after ended

	// Of the present activation, for the worker's goroutine alone.
	active      bool
	state       State
	incarnation uint64
}

func newWorker(s *Server, id string) *worker {
	w := &worker{server: s, id: id, name: s.process(id), began: make(chan struct{}), ended: make(chan struct{})}
	w.begin = sync.OnceFunc(func() { close(w.began) })
	return w
}

// run lives until the server ends, another has the name, or there is no such
// entity.
func (w *worker) run(ctx context.Context) {
	for {
		err := w.live(ctx)
		if errors.Is(err, amqprpc.ErrTaken) && w.active && w.yields(ctx) {
			err = w.conflict()
		}
		end := new(termination)
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &end):
			w.terminated(end.text)
			return
		case errors.Is(err, amqprpc.ErrTaken) && w.active: // the other is about to go
		case errors.Is(err, amqprpc.ErrTaken), errors.Is(err, ErrUnknownEntity):
			w.failure = err
			return
		case errors.Is(err, amqprpc.ErrClosed): // the server has moved
		default:
			w.active = false
			w.server.cfg.Hooks.Crashed(w.name, err)
			w.server.cfg.Log.WarnContext(ctx, "process crashed", "process", w.name, "error", err)
		}
		if pause.For(ctx, soon) != nil {
			return
		}
	}
}

// live is from taking the name to losing it.
func (w *worker) live(ctx context.Context) error {
	conn, prefix := w.server.present()
	process := w.server.cfg.Agent.Process(w.name)
	defer process.Stop()
	return conn.Serve(ctx, amqprpc.Server{
		Queue: prefix + w.name, Process: process, Prefetch: mailbox, Handler: w.handle,
		Declare: func(ch *amqp.Channel) error {
			if err := claim(ch, prefix+w.name); err != nil {
				return err
			}
			if err := w.activate(); err != nil {
				// Without a consumer the name would stay ours and swallow requests.
				const ifUnused, ifEmpty, noWait = false, false, false
				_, deleted := ch.QueueDelete(prefix+w.name, ifUnused, ifEmpty, noWait)
				return errors.Join(err, deleted)
			}
			w.server.cfg.Hooks.Started(w.name)
			w.begin()
			return nil
		},
	})
}

// fenced reports whether the store refuses the writes of former activations.
func (w *worker) fenced() bool {
	v := w.server.cfg.Variant
	return v.Registration == ClusterWide && !v.Naive
}

// activate begins an activation. One that goes on under its name after it had
// lost it, with a connection or since the server moved, finds out whether
// there was another in between.
func (w *worker) activate() error {
	store := w.server.cfg.Store
	switch {
	case !w.active && w.fenced():
		r, err := store.Activate(w.id)
		if err != nil {
			return err
		}
		w.state, w.incarnation = r.State, r.Incarnation
	case !w.active:
		r, err := store.Load(w.id)
		if err != nil {
			return err
		}
		w.state = r.State
	case w.fenced():
		r, err := store.Load(w.id)
		if err != nil {
			return err
		}
		if r.Incarnation != w.incarnation {
			return &termination{"activated elsewhere, terminating " + w.id}
		}
	}
	w.active = true
	return nil
}

// yields decides who has to go when another has the name: the one with the lower
// incarnation. The naive variant does not ask.
func (w *worker) yields(ctx context.Context) bool {
	if !w.fenced() {
		return true
	}
	conn, prefix := w.server.present()
	r, err := conn.Call(ctx, amqprpc.Call{
		Key: prefix + w.name, Body: encode(request{Op: opYield, ID: w.id, Incarnation: w.incarnation}),
		ContentType: contentType, Timeout: w.server.cfg.Timeout,
	})
	other, err := outcome(r, err)
	return err == nil && other.Incarnation > w.incarnation
}

// terminated tells that the process is gone.
func (w *worker) terminated(text string) {
	w.active = false
	w.server.cfg.Log.Warn(text, "server", w.server.cfg.Server)
	w.server.cfg.Hooks.Conflict(w.name, text)
}

// handle carries out one request. It may be the last.
func (w *worker) handle(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
	req, err := decodeRequest(r.Body)
	if err == nil && !w.active && req.Op != opYield {
		err = w.activate()
	}
	if err == nil {
		err = w.carryOut(ctx, req)
	}
	switch {
	case errors.Is(err, ErrTimeout):
		return nil, amqprpc.Crash(err)
	case req.Op == opYield && w.fenced() && req.Incarnation > w.incarnation:
		if err := r.Reply(ctx, reply(w.entity(), nil)); err != nil {
			w.server.cfg.Log.WarnContext(ctx, "answer", "process", w.name, "error", err)
		}
		return nil, amqprpc.Crash(w.conflict())
	}
	return reply(w.entity(), err), nil
}

func (w *worker) entity() Entity {
	return Entity{ID: w.id, State: w.state, Server: w.server.cfg.Server, Incarnation: w.incarnation}
}

func (w *worker) carryOut(ctx context.Context, req request) error {
	switch req.Op {
	case opSet:
		return w.set(req.State)
	case opUpdate:
		if err := pause.For(ctx, w.server.cfg.Work); err != nil {
			return err
		}
		if _, err := w.server.ask(ctx, w.name, request{Op: opSet, ID: req.With, State: req.State}); err != nil {
			return fmt.Errorf("update %s: %w", req.With, err)
		}
		return w.set(req.State)
	case opGet:
		return w.refresh()
	}
	return nil
}

// set writes through to the store.
func (w *worker) set(state State) error {
	var err error
	if w.fenced() {
		err = w.server.cfg.Store.Save(w.id, state, w.incarnation)
		w.active = !errors.Is(err, ErrStale) // or the next request begins another activation
	} else {
		err = w.server.cfg.Store.Overwrite(w.id, state)
	}
	if err == nil {
		w.state = state
	}
	return err
}

// refresh reads the store if get is to do so.
func (w *worker) refresh() error {
	if w.server.cfg.Variant.Registration != ReadStore {
		return nil
	}
	r, err := w.server.cfg.Store.Load(w.id)
	if err == nil {
		w.state = r.State
	}
	return err
}
