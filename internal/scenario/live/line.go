package live

import (
	"context"
	"net"
	"slices"
	"sync"

	"github.com/waitgraph/waitgraph/internal/scenario"
)

// line opens transports, and can cut them.
type line struct {
	dial func(network, addr string) (net.Conn, error)

	mu   sync.Mutex
	open []net.Conn // since the last cut
}

// Dial opens a transport.
func (l *line) Dial(network, addr string) (net.Conn, error) {
	conn, err := l.dial(network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, conn)
	return conn, nil
}

// cut closes all transports that are open.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.open {
		_ = conn.Close() // it may be closed already
	}
	l.open = nil
}

// part gives the processes of every replica that loses its connection one of
// their own. Their agents, who report over others, they go on sharing.
func (p *play) part(ctx context.Context) error {
	apart := make(map[string]*host) // by the names of hosts
	for _, one := range p.procs {
		if !slices.ContainsFunc(p.s.Faults, func(f scenario.Fault) bool { return one.dropped(f) }) {
			continue
		}
		name := one.host.name + "/" + p.name + "/" + one.replica
		h := apart[name]
		if h == nil {
			h = &host{name: name, agent: one.host.agent, line: &line{dial: p.stage.cfg.Dial}}
			if h.line.dial == nil {
				h.line.dial = net.Dial
			}
			cfg := p.stage.cfg
			cfg.Dial = h.line.Dial
			if err := h.connect(ctx, cfg); err != nil {
				return err
			}
			apart[name] = h
			p.apart = append(p.apart, h)
		}
		one.host = h
	}
	return nil
}

// dropped reports whether a fault cuts the process's connection.
func (p *process) dropped(f scenario.Fault) bool {
	return f.Action == scenario.Drop && slices.Contains(f.Names, p.replica)
}

// drop cuts connections. Whose they are crashes, and starts anew.
func (p *play) drop(f scenario.Fault) {
	for _, one := range p.procs {
		if one.dropped(f) {
			one.kill(restart, errDropped)
		}
	}
	for _, one := range p.procs {
		if one.dropped(f) {
			one.host.line.cut()
		}
	}
}
