package sidecar

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/alertsink"
	"github.com/waitgraph/waitgraph/detector/gate"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/recording"
	"github.com/waitgraph/waitgraph/detector/spansink"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
)

// DefaultListen is where the HTTP API of a daemon is found: on this machine only.
const DefaultListen = "127.0.0.1:8055"

// Config says what a sidecar watches and whom it tells.
type Config struct {
	URL string // of the broker: amqp:// or amqps://
	// Services are those whose agents are heard; none: all. Who waits for a process
	// of any other is taken to wait for somebody who may go on.
	Services []string
	// Dial opens the transport to the broker; nil means TCP.
	Dial func(network, addr string) (net.Conn, error)
	// MustConnect makes Run return the error if the first attempt to connect
	// fails. A connection that is lost later is built anew in any case.
	MustConnect bool

	Listen string // address of the HTTP API; empty: there is none
	// Listening, if set, is told the address in the form that it came to be.
	Listening func(net.Addr)
	// Gate says who may use the HTTP API. An address that other machines can reach
	// needs TLS and a token, or Gate.Insecure. Gate.Trouble is the sidecar's.
	Gate gate.Config

	// TraceURL is where people look at a trace, with {trace} for its ID; empty: the
	// page shows the ID alone.
	TraceURL string

	// Record is the folder in which all that the detector is told is recorded,
	// with what it announces; empty: nothing is. While it is recorded, the
	// detector goes by the wall clock: one that is set back makes it stand still.
	Record         string
	RecordMaxBytes int64 // that recordings in the folder may take; 0: recording.DefaultMaxBytes

	// History says where deadlocks are kept across restarts; without a file they
	// are not. Zero Age and Size stand for the defaults; Dropped and Trouble are the
	// sidecar's. What goes wrong with it is told, and changes nothing else.
	History history.Config

	// Alerts says who is told of verdicts at once. Link is the HTTP API's own
	// address if it is empty; Remind, Registry and Trouble are the sidecar's.
	Alerts alertsink.Config

	// Spans says who is told of deadlocks as OpenTelemetry spans. Remind,
	// Registry and Trouble are the sidecar's.
	Spans spansink.Config

	Detector detector.Config      // zero: detector.DefaultConfig
	Registry *prometheus.Registry // takes the metrics; nil: one that has those of the OS process too
	// Log takes what happens; nil: it is discarded. It must not block, since
	// everybody logs: give it a logsink.Writer if what it writes to can. LogDropped,
	// if set, returns how many of its lines were dropped so far, and must return at
	// once, from any goroutine.
	Log        *slog.Logger
	LogDropped func() uint64
	// OnVerdict, if set, is told every announcement, in order, from one
	// goroutine. What it is too slow for is dropped and counted. At the end it has a
	// second for what is left; then Run returns, and a call that has not returned by
	// then is the last.
	OnVerdict func(detector.Announce)
	// Serving, if set, is told at the start what the HTTP API answers from,
	// also where there is no HTTP API.
	Serving func(httpapi.System)
}

// Validate returns an error if the configuration cannot work.
func (c *Config) Validate() error {
	if err := amqpsession.Check(c.URL); err != nil {
		return err
	}
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			return fmt.Errorf("unusable address for HTTP: %w", err)
		}
		if err := c.Gate.Check(c.Listen); err != nil {
			return err
		}
	}
	if err := checkTraceURL(c.TraceURL); err != nil {
		return err
	}
	if c.Record != "" && c.RecordMaxBytes != 0 && c.RecordMaxBytes < recording.MinMaxBytes {
		return fmt.Errorf("a recording of %d bytes is too small: at least %d", c.RecordMaxBytes, recording.MinMaxBytes)
	}
	if h := c.History; h.File != "" {
		h.Age, h.Size = cmp.Or(h.Age, history.DefaultAge), cmp.Or(h.Size, history.DefaultSize)
		if err := h.Validate(); err != nil {
			return err
		}
	}
	if err := c.Alerts.Validate(); err != nil {
		return err
	}
	if err := c.Spans.Validate(); err != nil {
		return err
	}
	d := c.Detector
	switch {
	case d == detector.Config{}:
	case d.Lease <= 0, d.AskAgain <= 0, d.Remind <= 0:
		return errors.New("lease, ask-again and remind must be positive")
	case d.AskAgain >= d.Lease:
		return fmt.Errorf("ask-again (%v) must be shorter than lease (%v)", d.AskAgain, d.Lease)
	}
	return nil
}

// withDefaults returns c with what was left out.
func (c Config) withDefaults() Config {
	if c.Detector == (detector.Config{}) {
		c.Detector = detector.DefaultConfig()
	}
	if c.RecordMaxBytes == 0 {
		c.RecordMaxBytes = recording.DefaultMaxBytes
	}
	c.History.Age, c.History.Size = cmp.Or(c.History.Age, history.DefaultAge), cmp.Or(c.History.Size, history.DefaultSize)
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
		c.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.LogDropped == nil {
		c.LogDropped = func() uint64 { return 0 }
	}
	if c.Listening == nil {
		c.Listening = func(net.Addr) {}
	}
	if c.OnVerdict == nil {
		c.OnVerdict = func(detector.Announce) {}
	}
	if c.Serving == nil {
		c.Serving = func(httpapi.System) {}
	}
	return c
}

// checkTraceURL refuses what would be no link to a trace.
func checkTraceURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(s, "{trace}", "0"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !strings.Contains(s, "{trace}") {
		return errors.New("the URL of traces must be like https://jaeger.example/trace/{trace}")
	}
	return nil
}
