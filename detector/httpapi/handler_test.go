package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/svg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSystem has one process that waits for itself, and is in trouble if err
// is set.
type fakeSystem struct {
	err  error
	hold chan struct{} // if set, Alive waits for it
}

var at = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func (f fakeSystem) Alive(context.Context) error {
	if f.hold != nil {
		<-f.hold
	}
	return f.err
}
func (f fakeSystem) Ready() error { return f.err }

func (f fakeSystem) Deadlocks(_ context.Context, q history.Query) (Deadlocks, error) {
	v := explain.Of(detector.Verdict{ID: "v1", Reason: q.Process}, at)
	return Deadlocks{At: at, Standing: history.Bare([]explain.Verdict{v}), StandingCount: 1, Past: []history.Deadlock{}}, f.err
}

func (f fakeSystem) Deadlock(_ context.Context, id string) (Deadlock, bool, error) {
	v := explain.Of(detector.Verdict{ID: "v1"}, at)
	return Deadlock{Deadlock: history.Bare([]explain.Verdict{v})[0], Proof: &proof.Proof{Round: 3}}, id == v.ID, f.err
}

func (f fakeSystem) State() (State, error) { return State{Started: at, Ready: true}, f.err }

func (f fakeSystem) Graph(context.Context) (detector.Snapshot, time.Time, error) {
	k := report.Key{Process: "p\n"}
	m := detector.Member{Key: k, Need: 1, Waits: []detector.Edge{{Wait: report.Wait{Resource: "r", Kind: report.Lock}, Holders: []report.Key{k}}}}
	return detector.Snapshot{Processes: []detector.Process{{Member: m, Deadlocked: true}}}, at, f.err
}

func request(t *testing.T, s System, method, path string) (status int, contentType, body string) {
	t.Helper()
	return requestOf(t, NewHandler(s, http.NotFoundHandler()), method, path)
}

func requestOf(t *testing.T, h http.Handler, method, path string) (status int, contentType, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Code, w.Header().Get("Content-Type"), w.Body.String()
}

func TestAnswers(t *testing.T) {
	for _, tt := range []struct {
		path, contentType, body string
	}{
		{"/", "text/html; charset=utf-8", `<script src="/assets/main.js"`},
		{"/deadlocks/v1", "text/html; charset=utf-8", `<script src="/assets/main.js"`},
		{"/assets/page.css", "text/css; charset=utf-8", "color-scheme"},
		{"/api/v1/", "text/plain; charset=utf-8", "/api/v1/deadlocks\n"},
		{"/livez", "text/plain; charset=utf-8", "alive\n"},
		{"/readyz", "text/plain; charset=utf-8", "ready\n"},
		{"/api/v1/deadlocks", "application/json", `{"at":"2026-11-21T09:00:00Z","standing":[{"id":"v1",`},
		{"/api/v1/deadlocks?limit=5&process=server_a:1&status=confirmed&since=2026-11-01T00:00:00%2b01:00&until=&cursor=&fingerprint=0123456789abcdef", "application/json", `"reason":"server_a:1"`},
		{"/api/v1/deadlocks/v1", "application/json", `"proof":{"round":3,`},
		{"/api/v1/graph", "application/json", `{"at":"2026-11-21T09:00:00Z","processes":[{"process":"p\n",`},
		{"/api/v1/graph?format=json", "application/json", `"deadlocked":true`},
		{"/api/v1/graph?format=svg", "image/svg+xml", `<text class="name" x="36" y="91">p\n</text>`},
		{"/api/v1/graph?format=dot", "text/vnd.graphviz; charset=utf-8", `n0 -> n0 [label="lock"];`},
	} {
		status, contentType, body := request(t, fakeSystem{}, http.MethodGet, tt.path)
		if status != http.StatusOK || contentType != tt.contentType || !strings.Contains(body, tt.body) {
			t.Errorf("GET %s: %d %s\n%s", tt.path, status, contentType, body)
		}
	}
}

func TestProblems(t *testing.T) {
	broken := fakeSystem{err: errors.New("recovering\x1b")}
	for _, tt := range []struct {
		system       System
		method, path string
		status       int
		detail       string
	}{
		{fakeSystem{}, http.MethodGet, "/nothing", 404, "there is nothing at this path; /api/v1/ lists what there is"},
		{fakeSystem{}, http.MethodPost, "/livez", 405, "this can only be read"},
		{fakeSystem{}, http.MethodGet, "/api/v1/graph?format=png", 400, "format must be json, dot or svg"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?since=tuesday", 400, "since must be a time like 2026-11-21T09:00:00Z"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?status=dead", 400, "status must be one of suspected, confirmed, resolved and retracted"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?limit=0", 400, "limit must be a number from 1 to 1000"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?limit=1001", 400, "limit must be a number from 1 to 1000"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?fingerprint=0123456789ABCDEF", 400, "fingerprint must be 16 hexadecimal digits"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?cursor=!", 400, "cursor must be what an earlier answer gave as next"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?limit=1&limit=2", 400, "limit is given more than once"},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?%1b=1", 400, `there is no parameter "\x1b"`},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks?since=%zz", 400, `unreadable parameters: invalid URL escape "%zz"`},
		{broken, http.MethodGet, "/livez", 503, `recovering\x1b`},
		{broken, http.MethodGet, "/readyz", 503, `recovering\x1b`},
		{broken, http.MethodGet, "/api/v1/deadlocks", 503, `recovering\x1b`},
		{fakeSystem{}, http.MethodGet, "/api/v1/deadlocks/%1b", 404, `there is no verdict "\x1b", or no longer; /api/v1/deadlocks lists those that are known`},
		{broken, http.MethodGet, "/api/v1/deadlocks/v1", 503, `recovering\x1b`},
		{broken, http.MethodGet, "/api/v1/graph", 503, `recovering\x1b`},
	} {
		status, contentType, body := request(t, tt.system, tt.method, tt.path)
		var got struct {
			Title  string
			Status int
			Detail string
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Errorf("%s %s: %v in %s", tt.method, tt.path, err, body)
		}
		if status != tt.status || got.Status != tt.status || got.Detail != tt.detail || contentType != "application/problem+json" {
			t.Errorf("%s %s: %d %s\n%s", tt.method, tt.path, status, contentType, body)
		}
	}
}

func TestHugeGraphsAreNotDrawn(t *testing.T) {
	w := httptest.NewRecorder()
	drawDOT(w, detector.Snapshot{Processes: make([]detector.Process, maxDrawn+1)}, at)
	if w.Code != http.StatusNotAcceptable {
		t.Errorf("DOT: status %d", w.Code)
	}
	w = httptest.NewRecorder()
	drawSVG(w, explain.Graph{Processes: make([]explain.Node, svg.MaxProcesses+1)})
	if w.Code != http.StatusNotAcceptable || !strings.Contains(w.Body.String(), "501 processes are too many to draw as SVG") {
		t.Errorf("SVG: status %d, %s", w.Code, w.Body)
	}
}

func TestProbesAtATimeAreBounded(t *testing.T) {
	s := fakeSystem{hold: make(chan struct{})}
	server := httptest.NewServer(NewHandler(s, http.NotFoundHandler()))
	defer server.Close()
	statuses := make(chan int, maxProbes)
	for range maxProbes + 1 {
		go func() {
			r, err := server.Client().Get(server.URL + "/livez")
			if err != nil {
				statuses <- 0
				return
			}
			r.Body.Close()
			statuses <- r.StatusCode
		}()
	}
	if got := <-statuses; got != http.StatusServiceUnavailable {
		t.Errorf("the first answer has status %d", got)
	}
	close(s.hold)
	for range maxProbes {
		if got := <-statuses; got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	}
}

// heldSystem has graphs that nobody reads to their ends.
type heldSystem struct {
	fakeSystem
	read chan struct{}
}

func (h heldSystem) Graph(ctx context.Context) (detector.Snapshot, time.Time, error) {
	<-h.read
	return h.fakeSystem.Graph(ctx)
}

func TestSlowReadersHoldUpTheirOwnKindAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scraped := make(chan struct{})
		s := heldSystem{read: make(chan struct{})}
		h := NewHandler(s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Slow") != "" {
				<-scraped
			}
		}))
		hold := func(n int, path string) {
			for range n {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
				r.Header.Set("Slow", "yes")
				go h.ServeHTTP(httptest.NewRecorder(), r)
			}
			synctest.Wait()
		}
		expect := func(path string, want int) {
			t.Helper()
			if got, _, _ := requestOf(t, h, http.MethodGet, path); got != want {
				t.Errorf("%s: status %d, want %d", path, got, want)
			}
		}
		hold(maxRequests, "/api/v1/graph")
		expect("/api/v1/deadlocks", http.StatusServiceUnavailable)
		expect("/metrics", http.StatusOK)
		hold(maxScrapes, "/metrics")
		expect("/metrics", http.StatusServiceUnavailable)
		expect("/livez", http.StatusOK)
		expect("/readyz", http.StatusOK)
		close(s.read)
		close(scraped)
		synctest.Wait()
		expect("/api/v1/deadlocks", http.StatusOK)
		expect("/metrics", http.StatusOK)
	})
}

func TestServeStopsInGoodOrder(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- Serve(ctx, l, NewHandler(fakeSystem{}, http.NotFoundHandler()), slog.New(slog.DiscardHandler))
	}()
	r, err := http.Get("http://" + l.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(r.Body); string(body) != "alive\n" {
		t.Errorf("got %q", body)
	}
	r.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := Serve(t.Context(), l, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("served on a closed listener")
	}
}
