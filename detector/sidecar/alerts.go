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
		cfg.Link = link(s.address)
	}
	cfg.Remind, cfg.Registry = s.cfg.Detector.Remind, s.cfg.Registry
	cfg.Trouble = func(message string, err error) { s.log.Trouble(context.Background(), message, err) }
	return alertsink.New(cfg)
}

// link returns the URL of what listens at an address, by the name of this
// machine if it does so at all of its addresses; empty if nothing listens.
func link(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if net.ParseIP(host).IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return "http://" + net.JoinHostPort(host, port)
}
