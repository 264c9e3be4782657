package live

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// host is what stands for an OS process: an agent and a connection.
type host struct {
	name   string
	agent  *tracing.Agent // nil: nobody watches
	export func()         // ends the reports
	conn   *amqprpc.Conn
	line   *line // of conn; nil: nobody cuts it
}

// hosts is how many OS processes a stage has. All plays share them, since a
// detector that cannot ask an agent which is about to leave cannot be sure of a
// pool, whoever the agent belongs to.
const hosts = 8

// house makes the hosts, which do not run yet.
func (s *Stage) house() {
	name := "scenario-" + rand.Text()[:8]
	s.stranger = &host{name: name + "/unwatched"}
	for i := range s.hosts {
		s.hosts[i] = &host{name: fmt.Sprintf("%s/%d", name, i+1)}
	}
}

// connect starts the hosts.
func (s *Stage) connect(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return s.stranger.connect(ctx, s.cfg) })
	for _, h := range s.hosts {
		all.Go(func() error {
			if err := h.watch(ctx, s.cfg); err != nil {
				return err
			}
			return h.connect(ctx, s.cfg)
		})
	}
	return all.Wait()
}

// disconnect takes leave of the broker.
func (s *Stage) disconnect() {
	var all sync.WaitGroup
	for _, h := range append(s.hosts[:], s.stranger) {
		all.Go(h.close)
	}
	all.Wait()
}

// watch gives the host an agent.
func (h *host) watch(ctx context.Context, cfg Config) (err error) {
	if h.agent, err = tracing.New(tracing.Config{Service: "scenario", Instance: h.name}); err != nil {
		return fmt.Errorf("start agent: %w", err)
	}
	// The reports go on until all processes have ended, so that their end is told.
	h.export, err = amqpexport.Start(context.WithoutCancel(ctx), h.agent, amqpexport.Config{URL: cfg.URL, Dial: cfg.Dial, Log: cfg.Log})
	if err != nil {
		return fmt.Errorf("start agent: %w", err)
	}
	return nil
}

func (h *host) connect(ctx context.Context, cfg Config) (err error) {
	h.conn, err = amqprpc.Dial(ctx, amqprpc.Config{URL: cfg.URL, Dial: cfg.Dial, Name: h.name, Agent: h.agent, Log: cfg.Log})
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// close ends what the host began, as far as it came.
func (h *host) close() {
	if h.conn != nil {
		h.conn.Close()
	}
	if h.export != nil {
		h.export()
	}
	h.agent.Close()
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
