package amqprpc

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing"
)

// worker handles the requests of one channel.
//
//	broker ──▶ receive ──▶ mailbox ──▶ work ──▶ handler
//	              └──── of its own call chain ───────▲
//
// The broker delivers no more than fit the mailbox, so receive takes every
// delivery up at once, and the agent sees it queue.
type worker struct {
	conn    *Conn
	server  *Server
	mailbox chan *Request
	intake  sync.WaitGroup

	mu    sync.Mutex
	open  map[*Request]struct{} // delivered and not done; guards their process and what it owes
	over  bool                  // nothing more is begun
	inner sync.WaitGroup        // of those handled while the process waits; it grows no more once it is over
}

func newWorker(c *Conn, srv *Server) *worker {
	return &worker{
		conn: c, server: srv,
		mailbox: make(chan *Request, srv.ahead()), open: make(map[*Request]struct{}),
	}
}

// receive fills the mailbox until deliveries end. Then the channel is lost, and
// the broker delivers what is open to somebody else, even if a handler is still
// at it. What comes after ctx is left open.
func (w *worker) receive(ctx context.Context, deliveries <-chan amqp.Delivery) {
	defer w.forsake()
	for d := range deliveries {
		r := newRequest(w.conn, d)
		if w.server.Received != nil {
			w.server.Received(r)
		}
		w.mu.Lock()
		r.owe(ctx, w.server.Process)
		w.open[r] = struct{}{}
		w.mu.Unlock()
		if w.ownChain(r) {
			w.begin(ctx, r)
			continue
		}
		select {
		case w.mailbox <- r:
		case <-ctx.Done():
		}
	}
}

// ownChain reports whether a request is of the call chain for which the process
// waits: a reentrant one serves it meanwhile, by a process that is there for it
// alone. In a pool every request has one anyway.
func (w *worker) ownChain(r *Request) bool {
	return r.owed != nil && r.owed.Process() != w.server.Process && !w.server.PerRequest
}

// begin handles a request while the process waits for what comes of it.
func (w *worker) begin(ctx context.Context, r *Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	w.inner.Go(func() { w.run(ctx, r, r.owed.Process()) })
}

// run handles a request for which there is a process of its own, which ends with it.
func (w *worker) run(ctx context.Context, r *Request, process *tracing.Process) {
	defer process.Stop()
	if err := w.handle(ctx, r); err != nil {
		process.Crash()
		w.conn.cfg.Log.ErrorContext(ctx, "request crashed", "queue", w.server.Queue, "error", err)
	}
}

// end waits for those that are handled while the process waits.
func (w *worker) end() {
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.inner.Wait()
}

// forsake makes the processes owe nothing any more.
func (w *worker) forsake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.open {
		r.owed.Dropped()
	}
	clear(w.open)
}

// entrust makes another process owe a reply, without a moment when none does. If
// the request was forsaken, it works on it and owes nothing.
func (w *worker) entrust(ctx context.Context, r *Request, p *tracing.Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	former := r.owed
	r.process, r.owed = p, nil
	if _, open := w.open[r]; open {
		r.owe(ctx, p)
		former.Dropped()
	}
}

func (w *worker) done(r *Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, r)
}

// work handles requests until ctx ends or the process crashes.
func (w *worker) work(ctx context.Context) error {
	if w.server.PerRequest {
		return newPool(w).work(ctx)
	}
	for {
		r, err := w.next(ctx)
		if err != nil {
			return err
		}
		if err := w.handle(ctx, r); err != nil {
			return &fatalError{err}
		}
	}
}

// next returns the request that is next in the mailbox. When ctx has ended, there
// is none.
func (w *worker) next(ctx context.Context) (*Request, error) {
	select {
	case <-ctx.Done():
	case r := <-w.mailbox:
		if ctx.Err() == nil {
			return r, nil
		}
	}
	return nil, context.Cause(ctx)
}

// handle handles one request. It returns an error if the process crashed.
func (w *worker) handle(ctx context.Context, r *Request) error {
	ctx = w.conn.telemetry.propagator.Extract(ctx, headers(r.Headers))
	ctx = r.process.Handling(ctx, r.owed)
	ctx, span := w.conn.telemetry.startProcess(ctx, w.server.Queue, r)
	body, err := w.call(ctx, r)
	endSpan(span, err)

	var crashed *crash
	switch {
	case errors.As(err, &crashed):
		w.acknowledge(ctx, r)
		return crashed.cause
	case err != nil && ctx.Err() != nil:
		r.giveBack()
		return nil
	case errors.Is(err, ErrNoAnswer):
	case !r.answered.Load():
		if err := r.finish(ctx, body, err); err != nil && !errors.Is(err, ErrAnswered) {
			w.conn.cfg.Log.WarnContext(ctx, "reply", "queue", w.server.Queue, "error", err)
		}
	}
	w.acknowledge(ctx, r)
	return nil
}

// call calls the handler. A panic ends up as a crash.
func (w *worker) call(ctx context.Context, r *Request) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			p := &PanicError{Value: v, Stack: debug.Stack()}
			w.conn.cfg.Log.ErrorContext(ctx, "handler panicked", "queue", w.server.Queue, "error", p, "stack", string(p.Stack))
			body, err = nil, &crash{cause: p}
		}
	}()
	return w.server.Handler(ctx, r)
}

// acknowledge tells the broker that the request is done: if it is unanswered, it
// stays so. That fails only if the channel is lost, and then the broker delivers
// the request again.
func (w *worker) acknowledge(ctx context.Context, r *Request) {
	w.done(r)
	r.answered.Store(true)
	if err := r.delivery.Ack(false); err != nil {
		r.owed.Dropped()
		w.conn.cfg.Log.WarnContext(ctx, "acknowledge", "queue", w.server.Queue, "error", err)
		return
	}
	r.owed.Abandoned()
}
