package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/alertsink"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/logsink"
	"github.com/waitgraph/waitgraph/detector/recording"
	"github.com/waitgraph/waitgraph/detector/sidecar"
)

type runCommand struct {
	URL    string `name:"amqp-url" env:"WAITGRAPH_AMQP_URL,AMQP_URL" default:"amqp://guest:guest@localhost:5672/" placeholder:"URL" help:"The broker, as amqp://user:password@host:port/vhost or amqps://... (default: RabbitMQ on this machine)."`
	Wait   bool   `env:"WAITGRAPH_WAIT" help:"Keep trying when the broker cannot be reached at the start."`
	Listen string `env:"WAITGRAPH_LISTEN" default:"${listen}" placeholder:"HOST:PORT" help:"Where to serve metrics and the HTTP API; empty for nowhere (default: ${default})."`

	Record         string `env:"WAITGRAPH_RECORD" placeholder:"DIR" help:"Folder in which to record all that the detector is told, for waitgraph replay (default: nothing is recorded)."`
	RecordMaxBytes int64  `env:"WAITGRAPH_RECORD_MAX_BYTES" default:"${recordmaxbytes}" placeholder:"N" help:"Bytes that recordings in the folder may take; the oldest are removed (default: ${default})."`

	Alertmanager     []string `env:"WAITGRAPH_ALERTMANAGER" placeholder:"URL" help:"Alertmanagers to push verdicts to at once: base URLs, several by commas or by repeating the flag."`
	AlertTokenFile   string   `env:"WAITGRAPH_ALERT_TOKEN_FILE" placeholder:"FILE" help:"File with the token for them. Or the token itself is in the variable WAITGRAPH_ALERT_TOKEN."`
	AlertUser        string   `env:"WAITGRAPH_ALERT_USER" placeholder:"NAME" help:"Send that token as this user's password (default: as a bearer token)."`
	Webhook          []string `env:"WAITGRAPH_WEBHOOK" placeholder:"URL" help:"Webhooks that take Alertmanager's form, for those without one. A URL that is as good as a password belongs in the variable, since others can see arguments."`
	WebhookTokenFile string   `env:"WAITGRAPH_WEBHOOK_TOKEN_FILE" placeholder:"FILE" help:"File with the token for them. Or the token itself is in the variable WAITGRAPH_WEBHOOK_TOKEN."`
	WebhookUser      string   `env:"WAITGRAPH_WEBHOOK_USER" placeholder:"NAME" help:"Send that token as this user's password (default: as a bearer token)."`
	AlertSuspected   bool     `env:"WAITGRAPH_ALERT_SUSPECTED" help:"Push verdicts that are suspected, too (default: once they are confirmed)."`
	ExternalURL      string   `env:"WAITGRAPH_EXTERNAL_URL" placeholder:"URL" help:"Where people find the HTTP API, for links in alerts (default: by the address that is listened to)."`

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

		"recordmaxbytes": strconv.Itoa(recording.DefaultMaxBytes),
	}
}

// Run watches until ctx ends.
func (r *runCommand) Run(ctx context.Context) error {
	return sidecar.Run(ctx, sidecar.Config{
		URL:         r.URL,
		MustConnect: !r.Wait,
		Listen:      r.Listen,
		Record:      r.Record, RecordMaxBytes: r.RecordMaxBytes,
		Alerts:    r.alerts(),
		Detector:  detector.Config{Lease: r.Lease, AskAgain: r.AskAgain, Remind: r.Remind},
		Log:       r.log(),
		OnVerdict: r.print,
	})
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

func (r *runCommand) log() *slog.Logger {
	options := &slog.HandlerOptions{Level: r.LogLevel}
	if r.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == logsink.KeyVerdict {
			return slog.Attr{} // it is printed in words
		}
		return a
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// print prints each step of a verdict in words.
func (r *runCommand) print(a detector.Announce) {
	if r.LogFormat == "text" && !a.Again {
		fmt.Printf("%s\n\n", explain.Of(a.Verdict, time.Now()))
	}
}
