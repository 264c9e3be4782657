// Package sidecar is the deadlock detector as a daemon, and the daemon as a
// value: Run it with a Config.
//
//	           events                 announcements
//	Source ───────────▶ ┌─────────┐ ───────────────▶ teller ──▶ alerts, spans, log, past, history, listener
//	       ◀─────────── │  owner  │
//	          questions │ (Step,  │ ◀─────────────── HTTP API
//	                    │  Tick)  │   requests        /metrics /readyz /api/v1/...
//	                    └─────────┘
//
// One goroutine owns the detector. It waits for nobody: events come through a
// channel that is bounded in number and in bytes, and announcements leave through
// one that is bounded in number; what does not fit is dropped and counted. Nothing
// that is dropped is lost for good, since agents repeat what they reported when
// their digest shows a gap, and the detector repeats its questions and
// announcements while they matter.
package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/alertsink"
	"github.com/waitgraph/waitgraph/detector/amqpsource"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/gate"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/logsink"
	"github.com/waitgraph/waitgraph/detector/promsink"
	"github.com/waitgraph/waitgraph/detector/recording"
	"github.com/waitgraph/waitgraph/detector/spansink"
)

// Run watches until ctx ends, and returns nil then. When it returns, all that
// it started is gone, but for a call of OnVerdict that it has given up.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	s := &sidecar{cfg: cfg, started: time.Now().UTC(), owner: newOwner(detector.New(cfg.Detector)), log: logsink.New(cfg.Log)}
	s.disconnected.Store(&errNotYet)
	stats := func() detector.Stats { return *s.owner.stats.Load() }
	metrics, err := promsink.New(cfg.Registry, stats, cfg.LogDropped)
	if err != nil {
		return err
	}
	source := amqpsource.New(amqpsource.Config{URL: cfg.URL, Name: "waitgraph", Services: cfg.Services, Dial: cfg.Dial}, s)
	s.owner.metrics, s.owner.reach = metrics, source

	s.owner.recorder = s.recorder()
	if s.spans, err = s.newSpans(); err != nil {
		return err
	}
	if s.history, err = s.newHistory(); err != nil {
		return err
	}
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if s.alerts, err = s.newAlerts(); err != nil {
		if l != nil {
			_ = l.Close()
		}
		return err
	}
	err = s.run(ctx, source, l)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// sidecar is a sidecar that runs.
type sidecar struct {
	cfg     Config
	started time.Time
	owner   *owner
	log     *logsink.Log
	past    past

	history *history.Store // nil: nothing outlives the sidecar
	fail    context.CancelCauseFunc

	alerts *alertsink.Sink
	spans  *spansink.Sink

	gate    *gate.Gate
	address string // of the HTTP API, empty if there is none

	once         atomic.Bool           // it has been connected
	disconnected atomic.Pointer[error] // why; nil while connected
}

var errNotYet = errors.New("not connected to the broker yet")

func (s *sidecar) listen(ctx context.Context) (net.Listener, error) {
	if s.cfg.Listen == "" {
		return nil, nil //nolint:nilnil // no listener is wanted
	}
	access := s.cfg.Gate
	access.Trouble = func(message string, err error) { s.log.Trouble(context.Background(), message, err) }
	var err error
	if s.gate, err = gate.New(access); err != nil {
		return nil, fmt.Errorf("serve HTTP: %w", err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve HTTP: %w", err)
	}
	s.address = l.Addr().String()
	s.cfg.Listening(l.Addr())
	return l, nil
}

// recorder returns what records the owner, nil if nothing is to be recorded.
func (s *sidecar) recorder() *recording.Recorder {
	if s.cfg.Record == "" {
		return nil
	}
	return recording.New(recording.Config{
		Dir: s.cfg.Record, MaxBytes: s.cfg.RecordMaxBytes, Detector: s.cfg.Detector,
		Dropped: func() { s.owner.metrics.Drop(promsink.DroppedRecord) },
		Trouble: func(err error) { s.log.Trouble(context.Background(), "recording has stopped", err) },
	})
}

// run runs the parts until one fails or ctx ends.
func (s *sidecar) run(ctx context.Context, source *amqpsource.Source, l net.Listener) error {
	ctx, s.fail = context.WithCancelCause(ctx)
	defer s.fail(nil)
	g, ctx := errgroup.WithContext(ctx)
	s.cfg.Serving(s)
	g.Go(func() error {
		s.owner.run(ctx)
		return nil
	})
	g.Go(func() error {
		s.spread(ctx)
		return nil
	})
	g.Go(func() error {
		s.alerts.Run(ctx)
		return nil
	})
	g.Go(func() error {
		s.spans.Run(ctx)
		return nil
	})
	g.Go(func() error { return source.Run(ctx) })
	if s.owner.recorder != nil {
		g.Go(s.owner.recorder.Run)
	}
	if s.history != nil {
		g.Go(func() error {
			s.history.Run()
			return nil
		})
	}
	if l != nil {
		metrics := promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true}) // for exemplars
		api := s.gate.Handler(httpapi.NewHandler(s, metrics))
		g.Go(func() error { return httpapi.Serve(ctx, s.gate.Listener(l), api, s.cfg.Log) })
	}
	return g.Wait()
}

// spread passes on announcements until there are no more.
func (s *sidecar) spread(ctx context.Context) {
	listener := newListener(s.cfg.OnVerdict)
	defer listener.close()
	if s.history != nil {
		defer s.history.Close()
	}
	for a := range s.owner.announcements {
		s.alerts.Announce(a.at, a.Announce)
		s.spans.Announce(a.at, a.Announce)
		s.log.Announce(ctx, a.at, a.Announce)
		s.keep(&a)
		if !listener.offer(a.Announce) {
			s.owner.metrics.Drop(promsink.DroppedAnnouncement)
		}
	}
}

// keep keeps a step of a verdict for those who ask later.
func (s *sidecar) keep(a *announcement) {
	past, kept := a.Verdict.Status.Ended(), s.history != nil && !a.Again
	if !past && !kept {
		return
	}
	v := explain.OfProven(a.Verdict, a.at)
	if past {
		s.past.add(v)
	}
	if kept {
		s.history.Add(v)
	}
}
