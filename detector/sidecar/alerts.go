package sidecar

import (
	"context"
	"net"
	"os"

	"github.com/waitgraph/waitgraph/detector/alertsink"
)

// newAlerts returns what tells of verdicts at once. The address of the HTTP API
// is known by then.
func (s *sidecar) newAlerts() (*alertsink.Sink, error) {
	cfg := s.cfg.Alerts
	if cfg.Link == "" {
		cfg.Link = s.link()
	}
	cfg.Remind, cfg.Registry = s.cfg.Detector.Remind, s.cfg.Registry
	cfg.Trouble = func(message string, err error) { s.log.Trouble(context.Background(), message, err) }
	return alertsink.New(cfg)
}

// link returns the URL of the HTTP API, by the name of this machine if it is
// served at all of its addresses; empty if there is none.
func (s *sidecar) link() string {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return ""
	}
	if net.ParseIP(host).IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return s.gate.Scheme() + "://" + net.JoinHostPort(host, port)
}
