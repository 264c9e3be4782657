// Package client asks a detector by its HTTP API. What it returns is as the
// detector sent it: names are hostile text, and package console makes them fit
// for a terminal.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/internal/secret"
)

// Config says where a detector is, and how to be let in.
type Config struct {
	Server string // base URL
	Token  string // empty: none, or that of TokenFile
	// TokenFile holds the token, CAFile the certificates to trust besides those of
	// the system.
	TokenFile, CAFile string
}

// maxAnswer is the size of an answer in bytes.
const maxAnswer = 1 << 30

// Client is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New returns a client. It asks nobody yet.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(cfg.Server, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil {
		return nil, errors.New("unusable URL of the detector: it must be like http://127.0.0.1:8055")
	}
	c := &Client{base: base, token: cfg.Token}
	if cfg.TokenFile != "" {
		if c.token, err = secret.Read(cfg.TokenFile); err != nil {
			return nil, fmt.Errorf("read token: %w", err)
		}
	}
	if c.token != "" && base.Scheme == "http" && !secret.Loopback(base.Hostname()) {
		return nil, fmt.Errorf("%s is another machine: a token must be sent to it by https", base.Host)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	if cfg.CAFile != "" {
		if transport.TLSClientConfig, err = trust(cfg.CAFile); err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
	}
	// A redirect could carry the token elsewhere.
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

func trust(name string) (*tls.Config, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds none", name)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// Close gives back the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Deadlocks returns those that match a query.
func (c *Client) Deadlocks(ctx context.Context, q history.Query) (d httpapi.Deadlocks, err error) {
	v := url.Values{}
	for name, value := range map[string]string{
		"since": moment(q.Since), "until": moment(q.Until), "service": q.Service, "process": q.Process,
		"status": string(q.Status), "fingerprint": q.Fingerprint, "cursor": q.After.String(),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return d, c.decode(ctx, "api/v1/deadlocks", v, &d)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Deadlock returns the verdict with an ID.
func (c *Client) Deadlock(ctx context.Context, id string) (d httpapi.Deadlock, err error) {
	return d, c.decode(ctx, "api/v1/deadlocks/"+url.PathEscape(id), nil, &d)
}

// Graph returns the wait-for graph.
func (c *Client) Graph(ctx context.Context) (g explain.Graph, err error) {
	return g, c.decode(ctx, "api/v1/graph", nil, &g)
}

// Drawing returns the graph as dot, for Graphviz, or as svg.
func (c *Client) Drawing(ctx context.Context, format string) (string, error) {
	data, err := c.get(ctx, "api/v1/graph", url.Values{"format": {format}})
	return string(data), err
}

// Ready returns in a word that the detector sees everything, or as an error why it
// does not.
func (c *Client) Ready(ctx context.Context) (string, error) { return c.word(ctx, "readyz") }

// Live returns in a word that the detector answers.
func (c *Client) Live(ctx context.Context) (string, error) { return c.word(ctx, "livez") }

func (c *Client) word(ctx context.Context, path string) (string, error) {
	data, err := c.get(ctx, path, nil)
	return strings.TrimSpace(string(data)), err
}

func (c *Client) decode(ctx context.Context, path string, q url.Values, to any) error {
	data, err := c.get(ctx, path, q)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("ask the detector: %w", err)
	}
	return nil
}

func (c *Client) get(ctx context.Context, path string, q url.Values) ([]byte, error) {
	data, err := c.fetch(ctx, path, q)
	if err != nil {
		return nil, fmt.Errorf("ask the detector: %w", err)
	}
	return data, nil
}

func (c *Client) fetch(ctx context.Context, path string, q url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.String()+"/"+path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return data, nil
	}
	var problem struct{ Detail string }
	if json.Unmarshal(data, &problem) == nil && problem.Detail != "" {
		return nil, errors.New(explain.Printable(problem.Detail))
	}
	return nil, fmt.Errorf("it answers with status %d", resp.StatusCode)
}
