package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/dot"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/svg"
	"github.com/waitgraph/waitgraph/detector/webpage"
)

// System is what the API shows. Its methods are called from many goroutines,
// and give up when their context ends.
type System interface {
	// Alive returns an error unless the detector is at work.
	Alive(ctx context.Context) error
	// Ready returns why the detector may not see everything, nil if it does.
	Ready() error
	// Deadlocks returns those that match a query.
	Deadlocks(ctx context.Context, q history.Query) (Deadlocks, error)
	// Deadlock returns the verdict with an ID: the standing one, or else the
	// latest that has ended. It reports false if none is known.
	Deadlock(ctx context.Context, id string) (Deadlock, bool, error)
	// State returns how it is, or an error once the detector has stopped. It does
	// not disturb the detector.
	State() (State, error)
	// Graph returns the graph and the instant at which it was so.
	Graph(ctx context.Context) (detector.Snapshot, time.Time, error)
}

// Deadlocks is what /api/v1/deadlocks answers.
type Deadlocks struct {
	At time.Time `json:"at"`
	// Standing is oldest first and at most MaxStanding. Those after the one by which
	// they take history.MaxBytes have empty lists; the counts beside them stay.
	Standing      []history.Deadlock `json:"standing"`
	StandingCount int                `json:"standing_count"`
	Past          []history.Deadlock `json:"past"` // latest first, as they were last known
	// Next is the cursor of the next page of Past, empty if there are no more. A
	// page may have fewer than are wanted although there are.
	Next string `json:"next,omitempty"`
	// History says whether Past reaches beyond this run of the detector: on, off,
	// opening, or failing, and HistoryError then why.
	History      string `json:"history"`
	HistoryError string `json:"history_error,omitempty"`
}

// Deadlock is what /api/v1/deadlocks/{id} answers.
type Deadlock struct {
	history.Deadlock
	Proof    *proof.Proof `json:"proof,omitempty"`    // the members of Core and those that have left it since
	Unproven string       `json:"unproven,omitempty"` // why there is no proof
}

// Bounds on answers.
const (
	MaxStanding = 1000
	maxDrawn    = 10_000 // processes in a DOT graph
)

// Bounds on requests.
const (
	answerTime = 2 * time.Second // for the detector to answer
	maxBody    = 4 << 10
)

// Bounds on requests that are answered at a time. An answer that is read slowly
// holds up its own kind alone: however many graphs are asked for, the detector
// looks neither dead to a supervisor nor gone to Prometheus.
const (
	maxRequests = 32
	maxProbes   = 32 // answers short enough that no reader can hold them up
	maxScrapes  = 8
)

// NewHandler returns the API. Metrics serves /metrics.
func NewHandler(s System, metrics http.Handler) http.Handler {
	a := api{s}
	mux := http.NewServeMux()
	for _, path := range webpage.Paths {
		get(mux, path, webpage.Handler().ServeHTTP)
	}
	get(mux, "/api/v1/{$}", a.index)
	get(mux, "/api/v1/deadlocks", a.deadlocks)
	get(mux, "/api/v1/deadlocks/{id}", a.deadlock)
	get(mux, "/api/v1/graph", a.graph)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "there is nothing at this path; /api/v1/ lists what there is")
	})
	all := http.NewServeMux()
	all.Handle("/", limit(maxRequests, mux))
	probes := http.NewServeMux()
	get(probes, "/livez", a.live)
	get(probes, "/readyz", a.ready)
	probing := limit(maxProbes, probes)
	all.Handle("/livez", probing)
	all.Handle("/readyz", probing)
	scrapes := http.NewServeMux()
	get(scrapes, "/metrics", metrics.ServeHTTP)
	all.Handle("/metrics", limit(maxScrapes, scrapes))
	streams := http.NewServeMux()
	get(streams, eventsPath, (&feed{state: s.State}).events)
	all.Handle(eventsPath, limit(maxStreams, streams))
	return http.MaxBytesHandler(all, maxBody)
}

// get registers a handler for GET and HEAD, and a problem for all other methods.
func get(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("GET "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, http.StatusMethodNotAllowed, "this can only be read")
	})
}

// limit refuses what comes while n requests are being answered.
func limit(n int, h http.Handler) http.Handler {
	free := make(chan struct{}, n)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		select {
		case free <- struct{}{}:
			defer func() { <-free }()
			h.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			problem(w, http.StatusServiceUnavailable, "too many requests at a time")
		}
	})
}

type api struct {
	system System
}

const eventsPath = "/api/v1/events"

const index = `waitgraph: deadlock detector

/
/livez
/readyz
/metrics
/api/v1/deadlocks
/api/v1/deadlocks/{id}
/api/v1/graph?format=json
/api/v1/graph?format=dot
/api/v1/graph?format=svg
/api/v1/events
`

func (a api) index(w http.ResponseWriter, _ *http.Request) { text(w, index) }

func (a api) live(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	if err := a.system.Alive(ctx); err != nil {
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(w, "alive\n")
}

func (a api) ready(w http.ResponseWriter, _ *http.Request) {
	if err := a.system.Ready(); err != nil {
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text(w, "ready\n")
}

func (a api) deadlocks(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	q, err := query(r.URL)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	d, err := a.system.Deadlocks(ctx, q)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, d)
}

func (a api) deadlock(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	id := r.PathValue("id")
	v, ok, err := a.system.Deadlock(ctx, id)
	switch {
	case err != nil:
		problem(w, http.StatusServiceUnavailable, err.Error())
	case !ok:
		problem(w, http.StatusNotFound, fmt.Sprintf("there is no verdict %q, or no longer; /api/v1/deadlocks lists those that are known", id))
	default:
		answer(w, v)
	}
}

func (a api) graph(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	if !slices.Contains([]string{"", "json", "dot", "svg"}, format) {
		problem(w, http.StatusBadRequest, "format must be json, dot or svg")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	s, at, err := a.system.Graph(ctx)
	switch {
	case err != nil:
		problem(w, http.StatusServiceUnavailable, err.Error())
	case format == "dot":
		drawDOT(w, s, at)
	case format == "svg":
		drawSVG(w, explain.OfGraph(s, at))
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = explain.WriteGraph(w, s, at) // the client may have gone
	}
}

func drawDOT(w http.ResponseWriter, s detector.Snapshot, at time.Time) {
	if n := len(s.Processes); n > maxDrawn {
		problem(w, http.StatusNotAcceptable, fmt.Sprintf("%d processes are too many to draw; use format=json", n))
		return
	}
	text, err := dot.Marshal(s, at)
	if err != nil {
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/vnd.graphviz; charset=utf-8")
	_, _ = w.Write(text) // the client may have gone
}

func drawSVG(w http.ResponseWriter, g explain.Graph) {
	picture, err := svg.Marshal(&g)
	var tooLarge *svg.TooLargeError
	switch {
	case errors.As(err, &tooLarge):
		problem(w, http.StatusNotAcceptable, err.Error())
		return
	case err != nil:
		problem(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'") // a picture has no scripts
	_, _ = w.Write(picture)                                                                    // the client may have gone
}

func text(w http.ResponseWriter, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(s)) // the client may have gone
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

// problem answers with problem details (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the client may have gone
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, explain.Printable(detail)})
}
