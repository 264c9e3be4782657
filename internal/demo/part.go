package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Part is one OS process of a system, as far as the demo is concerned: what
// runs in it shares an agent and a network, and can be killed together.
type Part struct {
	URL            string
	Dial           func(network, addr string) (net.Conn, error)
	Agent          *tracing.Agent // nil: nobody watches
	TracerProvider trace.TracerProvider
	Log            *slog.Logger
	// Say tells people what happens, in one line.
	Say func(format string, args ...any)

	network *network
	killed  atomic.Bool // what fails in it from then on is no failure of the demo
	cancel  context.CancelFunc
	done    chan struct{} // closed when nothing of the part runs any more
}

// watch gives the part an agent of its own, whose reports go to the part's
// broker until the returned function is called.
func (p *Part) watch(ctx context.Context, service string) (stop func(), err error) {
	if p.Agent, err = tracing.New(tracing.Config{Service: service}); err != nil {
		return nil, fmt.Errorf("start agent: %w", err)
	}
	// The reports go on until the part has stopped, so that its end is told.
	export, err := amqpexport.Start(context.WithoutCancel(ctx), p.Agent, amqpexport.Config{URL: p.URL, Dial: p.Dial, Log: p.Log})
	if err != nil {
		return nil, fmt.Errorf("start agent: %w", err)
	}
	return func() {
		export()
		p.Agent.Close()
	}, nil
}

// Connect connects the part to its broker, under a name for the broker's
// operators.
func (p *Part) Connect(ctx context.Context, name string) (*amqprpc.Conn, error) {
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{URL: p.URL, Dial: p.Dial, Name: name, Agent: p.Agent, Log: p.Log},
		amqprpc.WithTracerProvider(p.TracerProvider))
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", name, err)
	}
	return conn, nil
}

// Stop ends the part in good order and waits until it is gone.
func (p *Part) Stop() {
	p.cancel()
	<-p.done
}

// Kill ends the part as the end of an OS process does: nothing that it has not
// sent yet leaves it, and nobody is told.
func (p *Part) Kill() {
	p.killed.Store(true)
	p.network.down()
	p.Stop()
}

// Cut cuts all connections of the part, as a failing network does. It can
// connect again.
func (p *Part) Cut() { p.network.cut() }

// network is the connections of a part.
type network struct {
	dial func(network, addr string) (net.Conn, error)

	mu    sync.Mutex
	dead  bool
	conns map[*connection]struct{}
}

// dialTimeout is how long a broker may take to accept a connection.
const dialTimeout = 10 * time.Second

func newNetwork(dial func(network, addr string) (net.Conn, error)) *network {
	if dial == nil {
		dial = func(network, addr string) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialTimeout}).DialContext(context.Background(), network, addr)
		}
	}
	return &network{dial: dial, conns: make(map[*connection]struct{})}
}

var errDown = errors.New("the network is down")

// Dial opens a connection that the network can cut.
func (n *network) Dial(network, addr string) (net.Conn, error) {
	nc, err := n.dial(network, addr)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: nc, network: n}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		_ = nc.Close()
		return nil, errDown
	}
	n.conns[c] = struct{}{}
	return c, nil
}

func (n *network) cut() {
	for _, c := range n.take() {
		_ = c.Conn.Close()
	}
}

// down cuts the connections and lets nobody connect again.
func (n *network) down() {
	n.mu.Lock()
	n.dead = true
	n.mu.Unlock()
	n.cut()
}

func (n *network) take() []*connection {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*connection
	for c := range n.conns {
		all = append(all, c)
	}
	clear(n.conns)
	return all
}

// connection is one that its network knows.
type connection struct {
	net.Conn
	network *network
}

func (c *connection) Close() error {
	c.network.mu.Lock()
	delete(c.network.conns, c)
	c.network.mu.Unlock()
	return c.Conn.Close()
}
