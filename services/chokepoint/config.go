package chokepoint

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/tracing"
)

// What holds unless something else is said.
const (
	DefaultLifetime = 5 * time.Second // of a worker; 30 to 60 s is typical
	DefaultTimeout  = 5 * time.Second // of a request
	Cluster         = "chokepoint"
)

// Config describes a node.
type Config struct {
	Node     string                                       // alone in the cluster
	Cluster  string                                       // empty: the constant of that name
	URL      string                                       // of the broker
	Dial     func(network, addr string) (net.Conn, error) // nil: TCP
	Agent    *tracing.Agent                               // nil: not observed by waitgraph
	Lifetime time.Duration                                // of a worker; 0: DefaultLifetime
	Timeout  time.Duration                                // of a request; 0: DefaultTimeout
	// Work returns how long a worker works on a request for its key. Nil: not
	// at all.
	Work func(key string) time.Duration
	// Outside makes the node that was asked add up, in place of a worker.
	Outside        bool
	TracerProvider trace.TracerProvider // nil: OpenTelemetry's global one
	Hooks          Hooks
	Log            *slog.Logger // nil: discarded
}

// Validate reports what Start would refuse.
func (cfg Config) Validate() error {
	if cfg.Lifetime < 0 || cfg.Timeout < 0 {
		return fmt.Errorf("%w: negative time", ErrInvalid)
	}
	return nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Cluster == "" {
		cfg.Cluster = Cluster
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Work == nil {
		cfg.Work = func(string) time.Duration { return 0 }
	}
	cfg.Hooks = cfg.Hooks.filled()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// maxKey is how long a key can be, in bytes.
const maxKey = 60

// checkKey reports whether a key is fit to name a worker and to be printed.
func checkKey(key string) error {
	switch {
	case key == "" || len(key) > maxKey:
		return fmt.Errorf("%w: key of %d bytes, want 1 to %d", ErrInvalid, len(key), maxKey)
	case !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune("@/ ", r) }):
		return fmt.Errorf("%w: key %q", ErrInvalid, key)
	}
	return nil
}

// Hooks tell of what clients, nodes and workers do. A worker is key_1@n2.
type Hooks struct {
	hooks.Hooks
	// Gone says that a worker is gone after its lifetime, or with its node.
	Gone func(worker string)
}

func (h Hooks) filled() Hooks {
	h.Hooks = h.Filled()
	if h.Gone == nil {
		h.Gone = func(string) {}
	}
	return h
}
