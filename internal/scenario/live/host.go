package live

import (
	"context"
	"fmt"
	"sync"

	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// host is what stands for an OS process: an agent and connections, in one life
// after the other.
type host struct {
	cfg     Config
	service string // of the agent
	name    string
	reports *line // of the agent
	calls   *line // of the processes

	mu   sync.Mutex
	boot *boot         // nil while it is down
	up   chan struct{} // closed by the next boot
}

// boot is one life of a host.
type boot struct {
	end    context.CancelFunc // of the opening of transports
	agent  *tracing.Agent
	export func()        // ends the reports
	conn   *amqprpc.Conn // of those that the agent watches
	blind  *amqprpc.Conn // of the others
}

func newHost(cfg Config, service, name string) *host {
	return &host{cfg: cfg, service: service, name: name, reports: newLine(cfg.Dial), calls: newLine(cfg.Dial), up: make(chan struct{})}
}

// start begins a life, unless one is under way.
func (h *host) start(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	b := &boot{end: end}
	if err := h.connect(ctx, life, b); err != nil {
		b.close()
		return fmt.Errorf("start %s: %w", h.name, err)
	}
	if !h.begin(b) {
		b.close()
	}
	return nil
}

func (h *host) begin(b *boot) (begun bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.boot != nil {
		return false
	}
	h.boot = b
	close(h.up)
	return true
}

func (h *host) connect(ctx, life context.Context, b *boot) (err error) {
	if b.agent, err = tracing.New(tracing.Config{Service: h.service, Instance: h.name}); err != nil {
		return err
	}
	// The reports go on until all processes have ended, so that their end is told.
	b.export, err = amqpexport.Start(context.WithoutCancel(ctx), b.agent, amqpexport.Config{
		URL: h.cfg.URL, Dial: h.reports.dialer(life), Log: h.cfg.Log,
	})
	if err != nil {
		return err
	}
	dial := amqprpc.Config{URL: h.cfg.URL, Dial: h.calls.dialer(life), Name: h.name + "/unwatched", Log: h.cfg.Log}
	if b.blind, err = amqprpc.Dial(ctx, dial); err != nil {
		return err
	}
	dial.Name, dial.Agent = h.name, b.agent
	b.conn, err = amqprpc.Dial(ctx, dial)
	return err
}

// await returns the present life, once there is one.
func (h *host) await(ctx context.Context) (*boot, error) {
	for {
		h.mu.Lock()
		b, up := h.boot, h.up
		h.mu.Unlock()
		if b != nil {
			return b, nil
		}
		select {
		case <-up:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// is reports whether a life is the present one.
func (h *host) is(b *boot) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.boot == b
}

// down ends the present life, if there is one, for all but those who live it.
func (h *host) down() *boot {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.boot
	if b != nil {
		h.boot, h.up = nil, make(chan struct{})
	}
	return b
}

// stop takes leave of the broker.
func (h *host) stop() {
	if b := h.down(); b != nil {
		b.close()
	}
}

// close ends what was begun, as far as it came.
func (b *boot) close() {
	b.end()
	for _, conn := range []*amqprpc.Conn{b.conn, b.blind} {
		if conn != nil {
			conn.Close()
		}
	}
	if b.export != nil {
		b.export()
	}
	b.agent.Close()
}

// guard is a lock or a semaphore.
type guard struct {
	name             string
	size             int
	acquire, release func(context.Context) error
}

func newGuard(play string, g scenario.Guard) *guard {
	name := play + "/" + g.Name
	if g.Permit {
		s := watched.NewSemaphore(name, g.Size)
		return &guard{name: name, size: g.Size, acquire: s.Acquire, release: s.Release}
	}
	m := watched.NewMutex(name)
	return &guard{name: name, size: 1, acquire: m.Lock, release: m.Unlock}
}
