package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/client"
	"github.com/waitgraph/waitgraph/detector/console"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
)

// server is the detector that a command asks.
type server struct {
	Server    string        `env:"WAITGRAPH_SERVER" default:"http://${listen}" placeholder:"URL" help:"The detector to ask (default: ${default}). A token may be in the variable WAITGRAPH_TOKEN."`
	TokenFile string        `name:"token-file" env:"WAITGRAPH_TOKEN_FILE" placeholder:"FILE" help:"File with the token that it asks for."`
	CACert    string        `name:"ca-cert" env:"WAITGRAPH_CA_CERT" placeholder:"FILE" help:"Certificates to trust besides the system's, PEM."`
	Timeout   time.Duration `default:"10s" help:"How long to wait for the answer (default: ${default})."`
}

// connect returns what asks the detector.
func (s *server) connect() (*client.Client, error) {
	return client.New(client.Config{Server: s.Server, Token: os.Getenv("WAITGRAPH_TOKEN"), TokenFile: s.TokenFile, CAFile: s.CACert})
}

// ask has f ask the detector.
func (s *server) ask(ctx context.Context, f func(ctx context.Context, c *client.Client) error) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	return f(ctx, c)
}

type deadlocksCommand struct {
	server
	Format  string    `enum:"text,json" default:"text" help:"Form of the answer: ${enum} (default: ${default})."`
	Since   time.Time `placeholder:"TIME" help:"Found at this time or later, as 2026-11-21T09:00:00Z."`
	Until   time.Time `placeholder:"TIME" help:"Found before this time."`
	Service string    `placeholder:"NAME" help:"With a process of this service."`
	Process string    `placeholder:"PART" help:"With a process of whose name this is a part."`
	Status  string    `placeholder:"STATUS" help:"suspected, confirmed, resolved or retracted."`
	Pattern string    `placeholder:"FINGERPRINT" help:"Of this pattern, as explain shows it."`
	Limit   int       `placeholder:"N" help:"At most so many of those that have ended."`
	Cursor  string    `help:"Go on where an earlier answer ended."`
}

// Run lists deadlocks.
func (c *deadlocksCommand) Run(ctx context.Context) error {
	after, ok := history.ParseCursor(c.Cursor)
	if !ok {
		return fmt.Errorf("--cursor is not one: %q", c.Cursor)
	}
	q := history.Query{
		Since: c.Since, Until: c.Until, Service: c.Service, Process: c.Process,
		Status: detector.Status(c.Status), Fingerprint: c.Pattern, Limit: c.Limit, After: after,
	}
	var d httpapi.Deadlocks
	err := c.ask(ctx, func(ctx context.Context, a *client.Client) (err error) {
		d, err = a.Deadlocks(ctx, q)
		return err
	})
	if err != nil {
		return err
	}
	if c.Format == "json" {
		err = console.JSON(os.Stdout, d)
	} else {
		err = console.Deadlocks(os.Stdout, &d)
	}
	if err != nil {
		return err
	}
	for i := range d.Standing {
		if d.Standing[i].Status == detector.Confirmed {
			return errStanding
		}
	}
	return nil
}

type explainCommand struct {
	server
	Format string `enum:"text,json" default:"text" help:"Form of the answer: ${enum} (default: ${default})."`
	ID     string `arg:"" help:"Which, as deadlocks lists them."`
}

// Run explains one deadlock.
func (c *explainCommand) Run(ctx context.Context) error {
	return c.ask(ctx, func(ctx context.Context, a *client.Client) error {
		d, err := a.Deadlock(ctx, c.ID)
		switch {
		case err != nil:
			return err
		case c.Format == "json":
			return console.JSON(os.Stdout, d)
		}
		return console.Deadlock(os.Stdout, &d)
	})
}

type graphCommand struct {
	server
	Format string `enum:"text,svg,dot,json" default:"text" help:"Form of the graph: ${enum} (default: ${default})."`
}

// Run shows the wait-for graph.
func (c *graphCommand) Run(ctx context.Context) error {
	return c.ask(ctx, func(ctx context.Context, a *client.Client) error {
		if c.Format == "dot" || c.Format == "svg" {
			text, err := a.Drawing(ctx, c.Format)
			if err != nil {
				return err
			}
			return console.Drawing(os.Stdout, text)
		}
		g, err := a.Graph(ctx)
		switch {
		case err != nil:
			return err
		case c.Format == "json":
			return console.JSON(os.Stdout, g)
		}
		return console.Graph(os.Stdout, &g)
	})
}
