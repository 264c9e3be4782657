package entities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Client is a process outside that asks servers. It asks for one thing at a time.
type Client struct {
	conn    *amqprpc.Conn
	cfg     ClientConfig
	process *tracing.Process
}

// ClientConfig describes a client.
type ClientConfig struct {
	Name    string
	Prefix  string         // of the names in the servers' place
	Agent   *tracing.Agent // nil: not observed by waitgraph
	Timeout time.Duration  // of calls; 0: DefaultTimeout
	Hooks   Hooks
}

// NewClient returns a client that asks over conn. Close ends it.
func NewClient(conn *amqprpc.Conn, cfg ClientConfig) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	cfg.Hooks = cfg.Hooks.filled()
	cfg.Hooks.Started(cfg.Name)
	return &Client{conn: conn, cfg: cfg, process: cfg.Agent.Process(cfg.Name)}
}

// Close ends the client, but not its connection.
func (c *Client) Close() { c.process.Stop() }

// Get asks a server what state an entity is in.
func (c *Client) Get(ctx context.Context, server, id string) (Entity, error) {
	return c.ask(ctx, server, request{Op: opGet, ID: id})
}

// Set asks a server to change the state of an entity.
func (c *Client) Set(ctx context.Context, server, id string, state State) (Entity, error) {
	return c.ask(ctx, server, request{Op: opSet, ID: id, State: state})
}

// Update asks a server to make two entities take the same state.
func (c *Client) Update(ctx context.Context, server, id, with string, state State) (Entity, error) {
	return c.ask(ctx, server, request{Op: opUpdate, ID: id, With: with, State: state})
}

func (c *Client) ask(ctx context.Context, server string, r request) (Entity, error) {
	if err := errors.Join(checkID(server), r.check()); err != nil {
		return Entity{}, err
	}
	queue := serverQueue(c.cfg.Prefix, server)
	ended := c.cfg.Hooks.Calling(c.cfg.Name, queue)
	answer, err := c.conn.Call(tracing.WithProcess(ctx, c.process), amqprpc.Call{
		Key: queue, Body: encode(r), ContentType: contentType, Timeout: c.cfg.Timeout,
	})
	ended(err)
	if errors.Is(err, amqprpc.ErrUnroutable) {
		return Entity{}, fmt.Errorf("%w: %s", ErrNoServer, server)
	}
	return outcome(answer, err)
}
