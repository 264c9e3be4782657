package sidecar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/amqpsource"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/promsink"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
)

var (
	_ amqpsource.Sink = (*sidecar)(nil)
	_ httpapi.System  = (*sidecar)(nil)
)

// Keys of log lines.
const (
	keyBroker = "broker"
	keyHTTP   = "http"
)

// Deliver implements amqpsource.Sink.
func (s *sidecar) Deliver(e detector.Event, size int) { s.owner.tell(e, size) }

// Drop implements amqpsource.Sink.
func (s *sidecar) Drop() { s.owner.metrics.Drop(promsink.DroppedEvent) }

// Reject implements amqpsource.Sink.
func (s *sidecar) Reject(err error) {
	s.owner.metrics.Reject(err)
	s.log.Trouble(context.Background(), "message rejected", err)
}

// Skip implements amqpsource.Sink.
func (s *sidecar) Skip(n uint64) { s.owner.metrics.Skip(n) }

// Connect implements amqpsource.Sink.
func (s *sidecar) Connect() {
	s.once.Store(true)
	s.disconnected.Store(nil)
	s.owner.metrics.Connected(true)
	s.cfg.Log.Info("receiving reports", keyBroker, amqpsession.Redact(s.cfg.URL), keyHTTP, s.address)
}

// Disconnect implements amqpsource.Sink.
func (s *sidecar) Disconnect(err error) {
	s.disconnected.Store(&err)
	s.owner.metrics.Connected(false)
	if s.cfg.MustConnect && !s.once.Load() {
		s.fail(err)
		return
	}
	s.log.Trouble(context.Background(), "not connected to the broker", err)
}

// Alive implements httpapi.System.
func (s *sidecar) Alive(ctx context.Context) error { return s.owner.call(ctx, func() {}) }

var errRecovering = errors.New("recovering: not every agent has been heard out since the start")

// Ready implements httpapi.System.
func (s *sidecar) Ready() error {
	if err := s.disconnected.Load(); err != nil {
		return fmt.Errorf("disconnected: %w", *err)
	}
	if s.owner.stats.Load().Recovering {
		return errRecovering
	}
	return nil
}

// State implements httpapi.System.
func (s *sidecar) State() (httpapi.State, error) {
	select {
	case <-s.owner.ended:
		return httpapi.State{}, errEnded
	default:
	}
	n := s.owner.stats.Load()
	state := httpapi.State{
		Started: s.started, Ready: true, TraceURL: s.cfg.TraceURL,
		Agents: n.Agents, Silent: n.Silent, Processes: n.Processes, Waits: n.Waits, Deadlocked: n.Deadlocked,
		Standing: n.Standing, Confirmed: n.Confirmed, Reports: n.Reports,
	}
	if err := s.Ready(); err != nil {
		state.Ready, state.Reason = false, err.Error()
	}
	return state, nil
}

// standing returns the standing verdicts and the instant at which they were so.
func (s *sidecar) standing(ctx context.Context) ([]detector.Verdict, time.Time, error) {
	return latest(ctx, s.owner, &s.owner.verdicts, s.owner.machine.Verdicts)
}

// Graph implements httpapi.System.
func (s *sidecar) Graph(ctx context.Context) (detector.Snapshot, time.Time, error) {
	return latest(ctx, s.owner, &s.owner.snapshot, s.owner.machine.Snapshot)
}
