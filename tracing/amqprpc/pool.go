package amqprpc

import (
	"context"
	"strings"
	"sync"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// pool runs requests in processes of their own, so many at a time. One request
// more than that is taken from the broker: it is in the hands of the server's
// process, which is blocked then until any of those that run is done. So a pool
// that its own calls have exhausted can be seen, and while there is room, the
// agent is told nothing.
type pool struct {
	worker *worker
	name   string        // of the resource that the server's process waits for
	slots  chan struct{} // one for each that runs

	mu      sync.Mutex
	running map[*tracing.Process]struct{}
	group   sync.WaitGroup
}

func newPool(w *worker) *pool {
	name := "slots/" + w.conn.nextID() + "/" + w.server.Queue
	return &pool{
		worker:  w,
		name:    strings.ToValidUTF8(name[:min(len(name), report.MaxName)], ""),
		slots:   make(chan struct{}, w.server.Prefetch),
		running: make(map[*tracing.Process]struct{}),
	}
}

// work runs requests until ctx ends, and returns when all of them are done.
func (p *pool) work(ctx context.Context) error {
	defer p.group.Wait()
	for {
		r, err := p.worker.next(ctx)
		if err != nil {
			return err
		}
		if !p.acquire(ctx) {
			return context.Cause(ctx)
		}
		p.start(ctx, r)
	}
}

// acquire waits for a slot. It returns false if ctx ended first.
func (p *pool) acquire(ctx context.Context) bool {
	select {
	case p.slots <- struct{}{}:
		return true
	default:
	}
	wait := p.block(ctx)
	select {
	case p.slots <- struct{}{}:
		wait.End(report.Granted)
		return true
	case <-ctx.Done():
		wait.End(report.Cancelled)
		return false
	}
}

// block notes that the server's process waits for any of those that run.
func (p *pool) block(ctx context.Context) *tracing.Blocking {
	server := p.worker.server.Process
	if server == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for process := range p.running {
		process.Hold(report.Permit, p.name)
	}
	ctx = tracing.WithProcess(ctx, server)
	return p.worker.conn.cfg.Agent.Block(ctx, tracing.Any, tracing.Wait{Kind: report.Permit, Resource: p.name, Holders: cap(p.slots)})
}

// start hands a request over from the server's process to one of its own and
// runs it there.
func (p *pool) start(ctx context.Context, r *Request) {
	process := p.worker.conn.cfg.Agent.Process(p.worker.server.Queue + "/" + r.id())
	p.worker.entrust(ctx, r, process)
	p.mu.Lock()
	p.running[process] = struct{}{}
	p.mu.Unlock()
	p.group.Go(func() {
		defer func() { <-p.slots }()
		p.worker.run(ctx, r, process)
		p.mu.Lock()
		delete(p.running, process)
		p.mu.Unlock()
	})
}
