package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Op is an operation that a node offers to the others. Several run at a time.
type Op func(ctx context.Context, body []byte) ([]byte, error)

// Config describes a node.
type Config struct {
	Cluster string // nodes of one cluster see each other
	Node    string // alone in the cluster
	URL     string // of the broker
	Dial    func(network, addr string) (net.Conn, error)
	Agent   *tracing.Agent // nil: not observed by waitgraph
	Ops     map[string]Op  // by name; not modified
	// CallTimeout is how long a call waits for its answer when its context
	// says nothing; 0: amqprpc.DefaultCallTimeout.
	CallTimeout time.Duration
	// Announce is how often a node repeats what it has announced; 0: a second.
	Announce       time.Duration
	TracerProvider trace.TracerProvider // nil: OpenTelemetry's global one
	Log            *slog.Logger         // nil: discarded
}

// Validate reports what Start would refuse.
func (cfg Config) Validate() error {
	if cfg.CallTimeout < 0 || cfg.Announce < 0 {
		return fmt.Errorf("%w: negative time", ErrInvalid)
	}
	for op := range cfg.Ops {
		if strings.HasPrefix(op, internal) {
			return fmt.Errorf("%w: operation %q: the prefix is the package's own", ErrInvalid, op)
		}
	}
	return cfg.Names()
}

// Names reports whether the names of cluster and node are fit for it.
func (cfg Config) Names() error {
	for _, name := range []string{cfg.Cluster, cfg.Node} {
		if err := checkName(name); err != nil {
			return err
		}
		if len(name) > maxPart || strings.Contains(name, "/") {
			return fmt.Errorf("%w: name %q of a cluster or node: up to %d bytes without a slash", ErrInvalid, name, maxPart)
		}
	}
	return nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Announce == 0 {
		cfg.Announce = time.Second
	}
	if cfg.CallTimeout == 0 {
		cfg.CallTimeout = amqprpc.DefaultCallTimeout
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// A queue is named after the cluster, its use, a node and a name. The protocol
// knows 255 bytes.
const (
	maxPart = 60  // of a cluster's or node's name
	maxName = 100 // of any other
)

// checkName reports whether a name is fit to name a queue and to be printed.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty name", ErrInvalid)
	case len(name) > maxName:
		return fmt.Errorf("%w: name of %d bytes, %d at most", ErrInvalid, len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%w: name %q is not fit to print", ErrInvalid, name)
	}
	return nil
}

// object returns the name of a queue or exchange of the cluster.
func (cfg *Config) object(parts ...string) string {
	return cfg.Cluster + "/" + strings.Join(parts, "/")
}
