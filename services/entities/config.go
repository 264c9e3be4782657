package entities

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/services/hooks"
	"github.com/waitgraph/waitgraph/tracing"
)

// DefaultTimeout is how long a call waits for its answer.
const DefaultTimeout = 5 * time.Second

// Place is where servers see each other: a virtual host of a broker, or what
// begins with a prefix in one.
type Place struct {
	URL    string                                       // of the broker
	Dial   func(network, addr string) (net.Conn, error) // nil: TCP
	Prefix string                                       // of all names; for brokers with one virtual host for all
}

// Variant says how servers go about processes.
type Variant struct {
	// Registration says where a process is registered.
	Registration Registration
	// Naive neither fences writes nor asks who is right when two meet.
	Naive bool
	// Ordered makes an update begin at the lower ID.
	Ordered bool
}

// Registration says where a process is registered.
type Registration uint8

// The registrations.
const (
	ClusterWide Registration = iota
	PerServer
	ReadStore // PerServer, and get reads the store
)

// Config describes one server.
type Config struct {
	Server         string // alone in its place
	Place          Place
	Store          *Store
	Variant        Variant
	Agent          *tracing.Agent // nil: not observed by waitgraph
	Timeout        time.Duration  // of calls; 0: DefaultTimeout
	Work           time.Duration  // of a process, before it asks another
	TracerProvider trace.TracerProvider
	Hooks          Hooks
	Log            *slog.Logger // nil: discarded
}

// Validate reports what Start would refuse.
func (cfg Config) Validate() error {
	switch {
	case cfg.Store == nil:
		return fmt.Errorf("%w: no store", ErrInvalid)
	case cfg.Timeout < 0, cfg.Work < 0:
		return fmt.Errorf("%w: negative time", ErrInvalid)
	case cfg.Variant.Registration > ReadStore:
		return fmt.Errorf("%w: registration %d", ErrInvalid, cfg.Variant.Registration)
	}
	return checkID(cfg.Server)
}

func (cfg Config) withDefaults() Config {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	cfg.Hooks = cfg.Hooks.filled()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// maxID is how long an ID or a server's name can be, in bytes.
const maxID = 60

// checkID reports whether a name is fit to name a queue and to be printed.
func checkID(id string) error {
	switch {
	case id == "" || len(id) > maxID:
		return fmt.Errorf("%w: name of %d bytes, want 1 to %d", ErrInvalid, len(id), maxID)
	case !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune("@/ ", r) }):
		return fmt.Errorf("%w: name %q", ErrInvalid, id)
	}
	return nil
}

// Hooks tell of what servers, processes and clients do. A process that crashed
// starts again.
type Hooks struct {
	hooks.Hooks
	// Conflict says that a process was terminated since it is not alone under
	// its name, in the words of the log.
	Conflict func(process, text string)
}

func (h Hooks) filled() Hooks {
	h.Hooks = h.Filled()
	if h.Conflict == nil {
		h.Conflict = func(string, string) {}
	}
	return h
}
