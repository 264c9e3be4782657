package tracing

import (
	"context"
	"fmt"
	"os"
	"strconv"
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
	// the same when it starts again; default: the host's name and the PID.
	Instance string
	// ReportAfter is how long a process may wait without contention before
	// it is reported; default 50 ms.
	ReportAfter time.Duration
}

// Agent observes the processes of one OS process. Its methods are safe for
// concurrent use and never block on anything but each other; those of a nil
// Agent do nothing, so that observation is optional everywhere.
type Agent struct {
	id      report.Agent
	service string
	host    string
	prefix  string // of the names of replies

	replies atomic.Uint64
	callers atomic.Uint64
	ignored atomic.Uint64
	warned  atomic.Int64 // when the last complaint was made, in Unix nanoseconds

	mu     sync.Mutex
	ledger *ledger.Ledger
	timer  *time.Timer
	armed  bool // the timer is running; it is left running rather than reset by each wait
	closed bool
	wake   chan struct{}
}

// New returns an agent that is not connected to anything; package amqpexport
// ships what it has to report.
func New(cfg Config) (*Agent, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if cfg.Instance == "" {
		cfg.Instance = fmt.Sprintf("%s@%s:%d-%d", cfg.Service, host, os.Getpid(), agents.Add(1))
	}
	a := &Agent{
		id:      report.Agent{Name: cfg.Instance, Incarnation: uint64(time.Now().UnixNano())}, //nolint:gosec // after 1970
		service: cfg.Service,
		host:    host,
		wake:    make(chan struct{}, 1),
	}
	if cfg.Service == "" {
		return nil, fmt.Errorf("new agent: %w: no service", report.ErrInvalid)
	}
	if err := (&report.Batch{Agent: a.id, Service: a.service, Host: a.host}).Validate(); err != nil {
		return nil, fmt.Errorf("new agent: %w", err)
	}
	a.prefix = a.id.String() + "/"
	a.ledger = ledger.New(a.id, ledger.Config{ReportAfter: cfg.ReportAfter})
	return a, nil
}

// agents counts the agents of this OS process, so that each has a name of its own.
var agents atomic.Uint64

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
	return a.prefix + strconv.FormatUint(a.replies.Add(1), 36)
}

// do runs f on the ledger and sees to what follows from it. f must not call
// back into the agent.
func (a *Agent) do(f func(l *ledger.Ledger, now time.Time)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a.ledger, time.Now())
	a.follow()
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
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armed = false
	a.ledger.Tick(time.Now())
	a.follow()
}

// Wake returns the channel on which an exporter hears that Collect has
// something to return. There must be no more than one exporter.
func (a *Agent) Wake() <-chan struct{} { return a.wake }

// Collect returns what has to be reported, at most limit states. It is for
// exporters: what it returns counts as reported.
func (a *Agent) Collect(limit int) (b report.Batch) {
	a.do(func(l *ledger.Ledger, now time.Time) { b = l.Collect(now, limit) })
	return a.sign(b)
}

// Heartbeat returns a heartbeat about what Collect has returned so far.
func (a *Agent) Heartbeat() (b report.Batch) {
	a.do(func(l *ledger.Ledger, now time.Time) { b = l.Heartbeat(now) })
	return a.sign(b)
}

// Answer answers a question of the detector from the state of this instant.
func (a *Agent) Answer(q report.Question) (b report.Batch) {
	a.do(func(l *ledger.Ledger, now time.Time) { b = l.Answer(now, q) })
	return a.sign(b)
}

func (a *Agent) sign(b report.Batch) report.Batch {
	b.Service, b.Host = a.service, a.host
	return b
}

// Stats counts what an agent has done and left undone.
type Stats struct {
	ledger.Stats
	Ignored uint64 // call chains that were malformed, too long or not their message's
}

// Stats returns the present figures.
func (a *Agent) Stats() (s Stats) {
	if a == nil {
		return s
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return Stats{Stats: a.ledger.Stats(), Ignored: a.ignored.Load()}
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

// ephemeral returns a process for a caller that has none.
func (a *Agent) ephemeral() *Process {
	return a.Process(a.service + ".caller/" + strconv.FormatUint(a.callers.Add(1), 36))
}

type contextKey int

const (
	workKey     contextKey = iota // *work: on whose behalf the code runs
	inboundKey                    // chain: as it came with a request
	outboundKey                   // chain: as it goes with a request
)

// work is what a goroutine is doing: the process that it runs for and the
// request that it works on.
type work struct {
	process    *Process
	obligation *Obligation
}

func workOf(ctx context.Context) work {
	w, _ := ctx.Value(workKey).(*work)
	if w == nil {
		return work{}
	}
	return *w
}
