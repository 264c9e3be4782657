package tracing

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// Config says who an agent speaks for. Only Service is required.
type Config struct {
	Service string // service.name of this OS process
	// Instance tells this OS process from others of the service, and stays
	// the same when it starts again; default: a name of the service, the host,
	// the PID and a number, which does not stay the same.
	Instance string
	// ReportAfter is how long a process may wait without contention before
	// it is reported; default 50 ms.
	ReportAfter time.Duration
}

// Agent observes the processes of one OS process. Its methods are safe for
// concurrent use, never wait for anything but each other and never panic; those
// of a nil Agent do nothing, so that observation is optional everywhere.
type Agent struct {
	id        report.Agent
	service   string
	host      string
	replies   string // what the names of its replies begin with
	hopPrefix string

	lastReply  atomic.Uint64
	lastCaller atomic.Uint64
	ignored    atomic.Uint64
	warned     atomic.Int64 // when the last complaint was made, in Unix nanoseconds

	mu     sync.Mutex
	ledger *ledger.Ledger
	timer  *time.Timer
	armed  bool // the timer is running; it is left running rather than reset by each wait
	closed bool
	broken bool // by a defect of our own: it observes nothing any more
	wake   chan struct{}
}

// agents counts the agents of this OS process, so that each has a name of its own.
var agents atomic.Uint64

// New returns an agent that is not connected to anything; package amqpexport
// ships what it has to report.
func New(cfg Config) (*Agent, error) {
	if cfg.Service == "" {
		return nil, fmt.Errorf("new agent: %w: no service", report.ErrInvalid)
	}
	host, _ := os.Hostname() // a host without a name is observed without one
	if cfg.Instance == "" {
		cfg.Instance = fmt.Sprintf("%s@%s:%d-%d", cfg.Service, host, os.Getpid(), agents.Add(1))
	}
	a := &Agent{
		id:      report.Agent{Name: cfg.Instance, Incarnation: uint64(time.Now().UnixNano())}, //nolint:gosec // after 1970
		service: cfg.Service,
		host:    host,
		wake:    make(chan struct{}, 1),
	}
	if err := (&report.Batch{Agent: a.id, Service: a.service, Host: a.host}).Validate(); err != nil {
		return nil, fmt.Errorf("new agent: %w", err)
	}
	a.replies, a.hopPrefix = string(replyName(a.id, "")), agentPrefix(a.id)
	a.ledger = ledger.New(a.id, ledger.Config{ReportAfter: cfg.ReportAfter})
	return a, nil
}

// Close stops the agent's timer. Further calls are harmless.
func (a *Agent) Close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.timer != nil {
		a.timer.Stop()
	}
}

// ID returns the name and incarnation under which the agent reports.
func (a *Agent) ID() report.Agent {
	if a == nil {
		return report.Agent{}
	}
	return a.id
}

// NewReply names the reply to one publish attempt of one request. A client uses
// the name as the request's correlation ID, so that the callee can tell a call
// chain that belongs to the request from one that was copied. It is empty for a
// nil Agent.
func (a *Agent) NewReply() string {
	if a == nil {
		return ""
	}
	return a.replies + base36(a.lastReply.Add(1))
}

// do runs f on the ledger and sees to what follows from it. f must not call
// back into the agent.
func (a *Agent) do(f func(l *ledger.Ledger, now time.Time)) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.unlock()
	if !a.broken {
		f(a.ledger, time.Now())
		a.follow()
	}
}

// unlock keeps a defect of ours from the service: it ends the observation, and
// the detector drops what the agent said when its heartbeats end.
func (a *Agent) unlock() {
	defect := recover()
	a.broken = a.broken || defect != nil
	a.mu.Unlock()
	if defect != nil {
		otel.Handle(fmt.Errorf("waitgraph: agent gives up: %v", defect))
	}
}

// follow wakes the exporter if there is something to report and makes sure that
// the timer runs if something will be. The lock must be held.
func (a *Agent) follow() {
	if a.ledger.Dirty() {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
	if a.armed || a.closed {
		return
	}
	due := a.ledger.Due()
	if due.IsZero() {
		return
	}
	a.armed = true
	if a.timer == nil {
		a.timer = time.AfterFunc(time.Until(due), a.tick)
		return
	}
	a.timer.Reset(time.Until(due))
}

func (a *Agent) tick() {
	a.do(func(l *ledger.Ledger, now time.Time) {
		a.armed = false
		l.Tick(now)
	})
}

// Wake returns the channel on which an exporter hears that Collect has
// something to return. There must be no more than one exporter.
func (a *Agent) Wake() <-chan struct{} {
	if a == nil {
		return nil
	}
	return a.wake
}

// Collect returns what has to be published, at most limit states. It is for
// exporters: what it returns counts as published.
func (a *Agent) Collect(limit int) report.Batch {
	return a.batch(func(l *ledger.Ledger, now time.Time) report.Batch { return l.Collect(now, limit) })
}

// Heartbeat returns a heartbeat about all reports so far, to be published. A nil
// Agent has none.
func (a *Agent) Heartbeat() report.Batch {
	return a.batch((*ledger.Ledger).Heartbeat)
}

// Answer answers a question of the detector from the state of this instant. An
// answer to a question for everything is to be published; any other is the
// asker's alone.
func (a *Agent) Answer(q report.Question) report.Batch {
	return a.batch(func(l *ledger.Ledger, now time.Time) report.Batch { return l.Answer(now, q) })
}

func (a *Agent) batch(of func(l *ledger.Ledger, now time.Time) report.Batch) (b report.Batch) {
	if a == nil {
		return b
	}
	a.do(func(l *ledger.Ledger, now time.Time) { b = of(l, now) })
	b.Agent, b.Service, b.Host = a.id, a.service, a.host
	return b
}

// Stats counts what an agent has done and left undone.
type Stats struct {
	ledger.Stats
	Ignored uint64 // call chains that were malformed, too long or not their message's
}

// Stats returns the present figures.
func (a *Agent) Stats() (s Stats) {
	a.do(func(l *ledger.Ledger, _ time.Time) { s = Stats{Stats: l.Stats(), Ignored: a.ignored.Load()} })
	return s
}

// complainEvery keeps a hostile peer from filling the log.
const complainEvery = 10 * time.Second

// ignore counts a call chain that is of no use and, once in a while, says so.
func (a *Agent) ignore(err error) {
	a.ignored.Add(1)
	now, last := time.Now().UnixNano(), a.warned.Load()
	if now-last >= int64(complainEvery) && a.warned.CompareAndSwap(last, now) {
		otel.Handle(fmt.Errorf("waitgraph: ignore call chain: %w", err))
	}
}
