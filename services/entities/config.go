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

// Hooks tell of what servers and processes do, as they do it. They are called
// from many goroutines and must return at once. Nil ones are skipped.
type Hooks struct {
	// Started says that a process, or a server, has its name.
	Started func(process string)
	// Calling says that a process begins to wait for another. What it returns,
	// if not nil, is called when the wait ends, with the call's error.
	Calling func(process, other string) (ended func(error))
	// Crashed says that a process crashed, and why. It starts again.
	Crashed func(process string, cause error)
	// Conflict says that a process was terminated since it is not alone under
	// its name, in the words of the log.
	Conflict func(process, text string)
}

func (h Hooks) started(process string) {
	if h.Started != nil {
		h.Started(process)
	}
}

func (h Hooks) calling(process, other string) (ended func(error)) {
	if h.Calling != nil {
		if ended := h.Calling(process, other); ended != nil {
			return ended
		}
	}
	return func(error) {}
}

func (h Hooks) crashed(process string, cause error) {
	if h.Crashed != nil {
		h.Crashed(process, cause)
	}
}

func (h Hooks) conflict(process, text string) {
	if h.Conflict != nil {
		h.Conflict(process, text)
	}
}
