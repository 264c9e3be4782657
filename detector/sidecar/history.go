package sidecar

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/promsink"
)

// newHistory returns what keeps deadlocks, nil if none are to be kept.
func (s *sidecar) newHistory() (*history.Store, error) {
	var store *history.Store
	if cfg := s.cfg.History; cfg.File != "" {
		cfg.Dropped = func() { s.owner.metrics.Drop(promsink.DroppedHistory) }
		cfg.Trouble = func(err error) { s.log.Trouble(context.Background(), "the history is in trouble", err) }
		store = history.New(cfg)
	}
	for _, c := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "waitgraph_history_failing",
			Help: "Whether deadlocks are to be kept in a history that cannot be written at present: 1 or 0.",
		}, func() float64 {
			if store == nil || store.Err() == nil || errors.Is(store.Err(), history.ErrOpening) {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "waitgraph_history_bytes", Help: "What the deadlocks take that are kept in the history.",
		}, func() float64 {
			if store == nil {
				return 0
			}
			return float64(store.Bytes())
		}),
	} {
		if err := s.cfg.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return store, nil
}

// Deadlocks implements httpapi.System.
func (s *sidecar) Deadlocks(ctx context.Context, q history.Query) (httpapi.Deadlocks, error) {
	verdicts, at, err := s.standing(ctx)
	if err != nil {
		return httpapi.Deadlocks{}, err
	}
	d := httpapi.Deadlocks{At: at.UTC(), Standing: []history.Deadlock{}, History: "off"}
	stands := make(map[string]bool, len(verdicts))
	for i, size := 0, 0; i < len(verdicts); i++ {
		if ctx.Err() != nil {
			return httpapi.Deadlocks{}, errBusy
		}
		stands[verdicts[i].ID] = true
		if d.StandingCount >= httpapi.MaxStanding && q.Unrestricted() {
			d.StandingCount++ // it need not be explained
			continue
		}
		v := s.recall(explain.Of(verdicts[i], at))
		if !q.Matches(&v) {
			continue
		}
		if d.StandingCount++; d.StandingCount > httpapi.MaxStanding {
			continue
		}
		if size >= history.MaxBytes {
			v.Shorten()
		}
		d.Standing = append(d.Standing, v)
		size += v.Size()
	}
	page := s.ended(ctx, q, &d)
	d.Past, d.Next = []history.Deadlock{}, page.Next.String()
	for _, v := range page.Deadlocks {
		if !stands[v.ID] {
			d.Past = append(d.Past, v)
		}
	}
	return d, nil
}

// ended returns a page of what has ended, and tells d how the history is.
func (s *sidecar) ended(ctx context.Context, q history.Query, d *httpapi.Deadlocks) (page history.Page) {
	if s.history != nil {
		d.History = "on"
		var err error
		if page, err = s.history.Query(ctx, q); err == nil {
			err = s.history.Err()
		}
		if errors.Is(err, history.ErrOpening) {
			d.History = "opening"
		} else if err != nil {
			d.History, d.HistoryError = "failing", explain.Printable(err.Error())
		}
	}
	return history.Merge(q, page, history.Bare(s.past.latestFirst()))
}

// recall adds to a verdict what is known of its pattern.
func (s *sidecar) recall(v explain.Verdict) history.Deadlock {
	if s.history == nil {
		return history.Bare([]explain.Verdict{v})[0]
	}
	return s.history.Recall([]explain.Verdict{v})[0]
}

// Deadlock implements httpapi.System.
func (s *sidecar) Deadlock(ctx context.Context, id string) (httpapi.Deadlock, bool, error) {
	standing, at, err := s.standing(ctx)
	if err != nil {
		return httpapi.Deadlock{}, false, err
	}
	for i := range standing {
		if standing[i].ID == id {
			return s.proven(explain.OfProven(standing[i], at)), true, nil
		}
	}
	if v, ok := s.past.named(id); ok {
		return s.proven(v), true, nil
	}
	if s.history == nil {
		return httpapi.Deadlock{}, false, nil
	}
	kept, proof, ok, err := s.history.Get(id)
	d := httpapi.Deadlock{Deadlock: kept, Proof: proof}
	if proof == nil {
		d.Unproven = "no proof of it is kept"
	}
	return d, ok, err
}

func (s *sidecar) proven(v explain.Proven) httpapi.Deadlock {
	return httpapi.Deadlock{Deadlock: s.recall(v.Verdict), Proof: v.Proof, Unproven: v.Unproven}
}
