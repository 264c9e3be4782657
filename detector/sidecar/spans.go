package sidecar

import (
	"context"

	"github.com/waitgraph/waitgraph/detector/spansink"
)

// newSpans returns what tells of deadlocks as spans.
func (s *sidecar) newSpans() (*spansink.Sink, error) {
	cfg := s.cfg.Spans
	cfg.Remind, cfg.Registry = s.cfg.Detector.Remind, s.cfg.Registry
	cfg.Trouble = func(message string, err error) { s.log.Trouble(context.Background(), message, err) }
	return spansink.New(cfg)
}
