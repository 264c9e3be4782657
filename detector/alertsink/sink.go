package alertsink

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// A standing alert holds for this many reminders, but long enough for a receiver
// that is tried again after the longest pause.
const (
	holdsReminders = 4
	holdsAtLeast   = 30 * time.Second
)

// Sink tells receivers of verdicts.
type Sink struct {
	suspected bool
	holds     time.Duration
	api       *url.URL // nil: nobody knows
	targets   []*target
	transport http.RoundTripper

	firing map[string]*alert // by the verdict's ID, as last announced
	swept  time.Time         // when firing was last searched for what nobody repeats
}

// New returns a Sink that tells nobody until it runs.
func New(cfg Config) (*Sink, error) {
	return newSink(cfg, newTransport())
}

func newSink(cfg Config, transport http.RoundTripper) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registry)
	if err != nil {
		return nil, err
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(string, error) {}
	}
	s := &Sink{
		suspected: cfg.Suspected, holds: max(holdsReminders*cfg.Remind, holdsAtLeast),
		transport: transport, firing: make(map[string]*alert),
	}
	if cfg.Link != "" {
		if s.api, err = parse(cfg.Link); err != nil {
			return nil, fmt.Errorf("unusable external URL: %w", err)
		}
	}
	for _, r := range []struct {
		form form
		to   Receivers
	}{{alertmanager, cfg.Alertmanagers}, {webhook, cfg.Webhooks}} {
		if err := s.add(&cfg, r.form, &r.to, m); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add adds the receivers of a form.
func (s *Sink) add(cfg *Config, f form, to *Receivers, m *metrics) error {
	for _, raw := range to.URLs {
		u, err := parse(raw)
		if err != nil {
			return fmt.Errorf("unusable URL of %s: %w", f.name, err)
		}
		if f.path != "" {
			u = u.JoinPath(f.path)
		}
		s.targets = append(s.targets, &target{
			form: f, url: u, auth: to, external: cfg.Link, trouble: cfg.Trouble,
			queue: newQueue(f.repeat, m.of(f)),
			client: &http.Client{
				Transport:     s.transport,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			},
		})
	}
	return nil
}

// Run tells receivers what is announced, until ctx ends. What waits for them
// then is given up: alerts end by themselves.
func (s *Sink) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, t := range s.targets {
		all.Go(func() { t.run(ctx) })
	}
	all.Wait()
	(&http.Client{Transport: s.transport}).CloseIdleConnections()
}

// Announce takes a step of a verdict, or that it still stands. It never waits
// for a receiver. It is called by one goroutine.
func (s *Sink) Announce(at time.Time, a detector.Announce) {
	if len(s.targets) == 0 {
		return
	}
	s.sweep(at)
	v := &a.Verdict
	before, known := s.firing[v.ID]
	if v.Status.Ended() || known && before.status != v.Status {
		if known {
			delete(s.firing, v.ID)
			s.offer(before.ended(at, explain.Of(*v, at).Summary))
		}
		known = false
	}
	if v.Status == detector.Confirmed || v.Status == detector.Suspected && s.suspected {
		now := fires(v, at, s.holds, s.api)
		if known {
			now.labels, now.starts, now.again = before.labels, earlier(before.starts, now.starts), true
		}
		s.firing[v.ID] = now
		s.offer(now)
	}
}

// sweep ends the alerts that are no longer repeated, of which the end must have
// been lost.
func (s *Sink) sweep(at time.Time) {
	if at.Sub(s.swept) < s.holds {
		return
	}
	s.swept = at
	for id, a := range s.firing {
		if at.Sub(a.at) > s.holds {
			delete(s.firing, id)
			s.offer(a.ended(at, a.annotations["summary"]))
		}
	}
}

func (s *Sink) offer(a *alert) {
	for _, t := range s.targets {
		t.queue.offer(a)
	}
}
