package sidecar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/amqpsource"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/httpapi"
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
func (s *sidecar) Deliver(e detector.Event) { s.owner.tell(e) }

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

// Deadlocks implements httpapi.System.
func (s *sidecar) Deadlocks(ctx context.Context) (httpapi.Deadlocks, error) {
	var standing []detector.Verdict
	var at time.Time
	err := s.owner.call(ctx, func() { standing, at = s.owner.verdicts.get(s.owner.machine.Verdicts) })
	if err != nil {
		return httpapi.Deadlocks{}, err
	}
	d := httpapi.Deadlocks{At: at.UTC(), Standing: []explain.Verdict{}, StandingCount: len(standing), Past: s.past.latestFirst()}
	for _, v := range standing[:min(len(standing), httpapi.MaxStanding)] {
		d.Standing = append(d.Standing, explain.Of(v, at))
	}
	return d, nil
}

// Deadlock implements httpapi.System.
func (s *sidecar) Deadlock(ctx context.Context, id string) (explain.Proven, bool, error) {
	var standing []detector.Verdict
	var at time.Time
	err := s.owner.call(ctx, func() { standing, at = s.owner.verdicts.get(s.owner.machine.Verdicts) })
	if err != nil {
		return explain.Proven{}, false, err
	}
	for _, v := range standing {
		if v.ID == id {
			return explain.OfProven(v, at), true, nil
		}
	}
	v, ok := s.past.named(id)
	return v, ok, nil
}

// Graph implements httpapi.System.
func (s *sidecar) Graph(ctx context.Context) (detector.Snapshot, time.Time, error) {
	var snapshot detector.Snapshot
	var at time.Time
	err := s.owner.call(ctx, func() { snapshot, at = s.owner.snapshot.get(s.owner.machine.Snapshot) })
	if err != nil {
		return detector.Snapshot{}, time.Time{}, err
	}
	return snapshot, at, nil
}
