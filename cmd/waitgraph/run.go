package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/alertsink"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/gate"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/logsink"
	"github.com/waitgraph/waitgraph/detector/recording"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/detector/spansink"
)

type runCommand struct {
	URL    string `name:"amqp-url" env:"WAITGRAPH_AMQP_URL,AMQP_URL" default:"amqp://guest:guest@localhost:5672/" placeholder:"URL" help:"The broker, as amqp://user:password@host:port/vhost or amqps://... (default: RabbitMQ on this machine)."`
	Wait   bool   `env:"WAITGRAPH_WAIT" help:"Keep trying when the broker cannot be reached at the start."`
	Listen string `env:"WAITGRAPH_LISTEN" default:"${listen}" placeholder:"HOST:PORT" help:"Where to serve metrics and the HTTP API; empty for nowhere (default: ${default})."`

	TLSCert        string `name:"tls-cert" env:"WAITGRAPH_TLS_CERT" placeholder:"FILE" help:"Certificate chain for the HTTP API, PEM. It is read again while it is used."`
	TLSKey         string `name:"tls-key" env:"WAITGRAPH_TLS_KEY" placeholder:"FILE" help:"Its private key, PEM."`
	TokenFile      string `env:"WAITGRAPH_TOKEN_FILE" placeholder:"FILE" help:"File with the token that the HTTP API asks for, at least 16 bytes. /livez and /readyz need none."`
	InsecureListen bool   `env:"WAITGRAPH_INSECURE_LISTEN" help:"Listen beyond this machine without TLS or token: something in front, as a proxy or a network policy, takes care of it."`

	History     string        `env:"WAITGRAPH_HISTORY" default:"${history}" placeholder:"FILE" help:"File in which deadlocks are kept across restarts; empty for none (default: history.db in the folder that systemd's StateDirectory= gives, if it does)."`
	HistoryAge  time.Duration `env:"WAITGRAPH_HISTORY_AGE" default:"${historyage}" help:"How long they are kept (default: ${default})."`
	HistorySize int64         `env:"WAITGRAPH_HISTORY_SIZE" default:"${historysize}" placeholder:"BYTES" help:"Bytes that the file may take; the oldest are forgotten (default: ${default})."`

	Record         string `env:"WAITGRAPH_RECORD" placeholder:"DIR" help:"Folder in which to record all that the detector is told, for waitgraph replay (default: nothing is recorded)."`
	RecordMaxBytes int64  `env:"WAITGRAPH_RECORD_MAX_BYTES" default:"${recordmaxbytes}" placeholder:"N" help:"Bytes that recordings in the folder may take; the oldest are removed (default: ${default})."`

	Alertmanager     []string `env:"WAITGRAPH_ALERTMANAGER" placeholder:"URL" help:"Alertmanagers to push verdicts to at once: base URLs, several by commas or by repeating the flag."`
	AlertTokenFile   string   `env:"WAITGRAPH_ALERT_TOKEN_FILE" placeholder:"FILE" help:"File with the token for them. Or the token itself is in the variable WAITGRAPH_ALERT_TOKEN."`
	AlertUser        string   `env:"WAITGRAPH_ALERT_USER" placeholder:"NAME" help:"Send that token as this user's password (default: as a bearer token)."`
	Webhook          []string `env:"WAITGRAPH_WEBHOOK" placeholder:"URL" help:"Webhooks that take Alertmanager's form, for those without one. A URL that is as good as a password belongs in the variable, since others can see arguments."`
	WebhookTokenFile string   `env:"WAITGRAPH_WEBHOOK_TOKEN_FILE" placeholder:"FILE" help:"File with the token for them. Or the token itself is in the variable WAITGRAPH_WEBHOOK_TOKEN."`
	WebhookUser      string   `env:"WAITGRAPH_WEBHOOK_USER" placeholder:"NAME" help:"Send that token as this user's password (default: as a bearer token)."`
	AlertSuspected   bool     `env:"WAITGRAPH_ALERT_SUSPECTED" help:"Push verdicts that are suspected, too (default: once they are confirmed)."`
	OTLPEndpoint     string   `name:"otlp-endpoint" env:"WAITGRAPH_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"Where to send each deadlock as an OpenTelemetry span, linked to those that waited: the base URL of OTLP over HTTP. Tokens go into OTEL_EXPORTER_OTLP_HEADERS (default: nowhere)."`
	ExternalURL      string   `env:"WAITGRAPH_EXTERNAL_URL" placeholder:"URL" help:"Where people find the HTTP API, for links in alerts (default: by the address that is listened to)."`

	TraceURL string `env:"WAITGRAPH_TRACE_URL" placeholder:"URL" help:"Where the page's links to traces lead, with {trace} for the ID, as http://localhost:16686/trace/{trace} (default: no links)."`

	LogFormat string     `env:"WAITGRAPH_LOG_FORMAT" default:"text" enum:"text,json" help:"Form of the log: text, with verdicts in words on standard output, or json (default: ${default})."`
	LogLevel  slog.Level `env:"WAITGRAPH_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"Least level to log: debug, info, warn or error (default: ${default})."`

	Lease    time.Duration `env:"WAITGRAPH_LEASE" default:"${lease}" help:"After this silence of an agent its waits are forgotten (default: ${default})."`
	AskAgain time.Duration `env:"WAITGRAPH_ASK_AGAIN" default:"${askagain}" help:"Time between two rounds of questions about one candidate (default: ${default})."`
	Remind   time.Duration `env:"WAITGRAPH_REMIND" default:"${remind}" help:"Time between two announcements of a standing deadlock (default: ${default})."`
}

// defaults are the variables of the tags above.
func defaults() map[string]string {
	d := detector.DefaultConfig()
	return map[string]string{
		"listen":   sidecar.DefaultListen,
		"lease":    d.Lease.String(),
		"askagain": d.AskAgain.String(),
		"remind":   d.Remind.String(),

		"history":        historyFile(os.Getenv("STATE_DIRECTORY")),
		"historyage":     history.DefaultAge.String(),
		"historysize":    strconv.Itoa(history.DefaultSize),
		"recordmaxbytes": strconv.Itoa(recording.DefaultMaxBytes),
	}
}

// historyFile returns where the history is by default, given the folders for
// state that systemd made for the daemon.
func historyFile(folders string) string {
	if folders == "" {
		return ""
	}
	first, _, _ := strings.Cut(folders, ":")
	return filepath.Join(first, "history.db")
}

// Run watches until ctx ends. Nobody who reads what it prints holds it up.
func (r *runCommand) Run(ctx context.Context) error {
	verdicts, log := logsink.NewWriter(os.Stdout), logsink.NewWriter(os.Stderr)
	defer flush(verdicts, log)
	err := sidecar.Run(ctx, sidecar.Config{
		URL:         r.URL,
		MustConnect: !r.Wait,
		Listen:      r.Listen,
		Gate:        gate.Config{CertFile: r.TLSCert, KeyFile: r.TLSKey, TokenFile: r.TokenFile, Insecure: r.InsecureListen},
		History:     history.Config{File: r.History, Age: r.HistoryAge, Size: r.HistorySize},
		TraceURL:    r.TraceURL,
		Record:      r.Record, RecordMaxBytes: r.RecordMaxBytes,
		Alerts:     r.alerts(),
		Spans:      spansink.Config{Endpoint: r.OTLPEndpoint},
		Detector:   detector.Config{Lease: r.Lease, AskAgain: r.AskAgain, Remind: r.Remind},
		Log:        r.log(log),
		LogDropped: func() uint64 { return verdicts.Dropped() + log.Dropped() },
		OnVerdict:  func(a detector.Announce) { r.print(verdicts, a) },
	})
	if errors.Is(err, gate.ErrOpen) {
		return fmt.Errorf("%w; give --tls-cert, --tls-key and --token-file, or --insecure-listen if something in front takes care of it", err)
	}
	return err
}

// alerts says who is told at once. Tokens are taken from the environment or
// from files only: arguments can be seen by others.
func (r *runCommand) alerts() alertsink.Config {
	return alertsink.Config{
		Alertmanagers: alertsink.Receivers{
			URLs: r.Alertmanager, User: r.AlertUser,
			TokenFile: r.AlertTokenFile, Token: alertsink.Secret(os.Getenv("WAITGRAPH_ALERT_TOKEN")),
		},
		Webhooks: alertsink.Receivers{
			URLs: r.Webhook, User: r.WebhookUser,
			TokenFile: r.WebhookTokenFile, Token: alertsink.Secret(os.Getenv("WAITGRAPH_WEBHOOK_TOKEN")),
		},
		Suspected: r.AlertSuspected,
		Link:      r.ExternalURL,
	}
}

func (r *runCommand) log(to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: r.LogLevel}
	if r.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == logsink.KeyVerdict {
			return slog.Attr{} // it is printed in words
		}
		return a
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// print prints each step of a verdict in words.
func (r *runCommand) print(to io.Writer, a detector.Announce) {
	if r.LogFormat == "text" && !a.Again {
		_, _ = fmt.Fprintf(to, "%s\n\n", explain.Of(a.Verdict, time.Now()))
	}
}
