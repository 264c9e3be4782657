package chokepoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Client is a process outside of the cluster that asks its nodes. It asks for one
// thing at a time.
type Client struct {
	conn    *amqprpc.Conn
	cfg     ClientConfig
	process *tracing.Process
}

// ClientConfig describes a client.
type ClientConfig struct {
	Name    string
	Cluster string         // empty: the constant of that name
	Agent   *tracing.Agent // nil: not observed by waitgraph
	Timeout time.Duration  // of a request; 0: DefaultTimeout
	Hooks   Hooks
}

// NewClient returns a client that asks over conn. Close ends it.
func NewClient(conn *amqprpc.Conn, cfg ClientConfig) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Cluster == "" {
		cfg.Cluster = Cluster
	}
	cfg.Hooks = cfg.Hooks.filled()
	cfg.Hooks.Started(cfg.Name)
	return &Client{conn: conn, cfg: cfg, process: cfg.Agent.Process(cfg.Name)}
}

// Close ends the client, but not its connection.
func (c *Client) Close() { c.process.Stop() }

// Get asks a node for the value of a key.
func (c *Client) Get(ctx context.Context, node, key string) (v Value, err error) {
	if err := checkKey(key); err != nil {
		return v, err
	}
	err = c.ask(ctx, node, opGet, request{Key: key}, &v)
	return v, err
}

// Sum asks a node for the sum of the values of two keys.
func (c *Client) Sum(ctx context.Context, node, key, with string) (v Value, err error) {
	if err := errors.Join(checkKey(key), checkKey(with)); err != nil {
		return v, err
	}
	err = c.ask(ctx, node, opGet, request{Key: key, With: with}, &v)
	return v, err
}

// Nodes asks a node which ones are up, in order.
func (c *Client) Nodes(ctx context.Context, node string) (nodes []string, err error) {
	err = c.ask(ctx, node, opNodes, request{}, &nodes)
	return nodes, err
}

func (c *Client) ask(ctx context.Context, node, op string, r request, answer any) error {
	ended := c.cfg.Hooks.Calling(c.cfg.Name, node)
	body, err := cluster.CallNode(tracing.WithProcess(ctx, c.process), c.conn, c.cfg.Cluster, node, op, encode(r), c.cfg.Timeout)
	ended(err)
	if err != nil {
		return inbound(err)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("decode answer of %s: %w", node, err)
	}
	return nil
}
