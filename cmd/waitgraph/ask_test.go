package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/gate"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/report"
)

// stuck is a system with one deadlock, of a process with a hostile name. It knows
// no other query than the one that finds nothing.
type stuck struct{}

var since = time.Now().Add(-time.Minute)

func members() []detector.Member {
	a, b := report.Key{Process: "a\x1b[2J:1"}, report.Key{Process: "b:2"}
	member := func(k, blocker report.Key, on report.Resource) detector.Member {
		return detector.Member{Key: k, Service: "service a", Need: 1, Waits: []detector.Edge{{
			Wait: report.Wait{Resource: on, Kind: report.Lock, Since: since, Deadline: since.Add(time.Hour)}, Holders: []report.Key{blocker},
		}}}
	}
	return []detector.Member{member(a, b, "l2\u009b"), member(b, a, "l1")}
}

func (stuck) verdict() history.Deadlock {
	v := detector.Verdict{ID: "v1", Kind: detector.Cycle, Status: detector.Confirmed, Since: since, Suspected: since, Core: members()}
	d := history.Bare([]explain.Verdict{explain.Of(v, time.Now())})[0]
	d.Recurrence = &history.Recurrence{Before: 3, First: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Last: since}
	return d
}

func (stuck) Alive(context.Context) error { return nil }
func (stuck) Ready() error                { return nil }

func (stuck) State() (httpapi.State, error) { return httpapi.State{Ready: true}, nil }

func (s stuck) Deadlocks(_ context.Context, q history.Query) (httpapi.Deadlocks, error) {
	d := httpapi.Deadlocks{At: time.Now(), Standing: []history.Deadlock{s.verdict()}, StandingCount: 1, Past: []history.Deadlock{}}
	if q.Service == "nobody" && q.Process == "a" && q.Limit == 7 && q.Since.Equal(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)) {
		d.Standing, d.StandingCount = nil, 0
	}
	return d, nil
}

func (s stuck) Deadlock(_ context.Context, id string) (httpapi.Deadlock, bool, error) {
	return httpapi.Deadlock{Deadlock: s.verdict(), Unproven: "none was made for this test"}, id == "v1", nil
}

func (stuck) Graph(context.Context) (detector.Snapshot, time.Time, error) {
	var s detector.Snapshot
	for _, m := range members() {
		s.Processes = append(s.Processes, detector.Process{Member: m, Deadlocked: true, Verdict: "v1"})
	}
	return s, time.Now(), nil
}

// TestAsking asks a detector by the command line.
func TestAsking(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a token that nobody guesses"), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{TokenFile: token})
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.NewHandler(stuck{}, http.NotFoundHandler())
	open, guarded := httptest.NewServer(api), httptest.NewServer(g.Handler(api))
	t.Cleanup(open.Close)
	t.Cleanup(guarded.Close)
	broker := serve(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "certificate": certificate, "daemon": startDaemon, "stop": stopDaemon,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("WAITGRAPH_SERVER", open.URL)
			e.Setenv("GUARDED", guarded.URL)
			e.Setenv("ID", "v1")
			e.Setenv("BROKER", broker)
			e.Values[ofDaemon{}] = new(daemon)
			e.Setenv("PATH", filepath.Dir(binary)+string(filepath.ListSeparator)+e.Getenv("PATH"))
			return nil
		},
	})
}

// exits runs a command that ends with a status: exits STATUS COMMAND...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	exit := new(exec.ExitError)
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%v, want status %s", err, args[0])
	}
}

// TestExitStatusOfDeadlocks has a detector answer what stands and what has ended.
func TestExitStatusOfDeadlocks(t *testing.T) {
	const confirmed, suspected = `{"id":"a","status":"confirmed"}`, `{"id":"b","status":"suspected"}`
	for _, tt := range []struct {
		name, answer string
		code, status int
	}{
		{"nothing", `{}`, 200, 0},
		{"suspected", `{"standing":[` + suspected + `],"standing_count":1}`, 200, 0},
		{"confirmed among others", `{"standing":[` + suspected + `,` + confirmed + `],"standing_count":2}`, 200, 3},
		{"confirmed that ended unseen", `{"past":[` + confirmed + `]}`, 200, 0},
		{"problem", `{"detail":"recovering","standing":[` + confirmed + `]}`, 503, 1},
		{"something else", `<html>`, 200, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.code)
				_, _ = io.WriteString(w, tt.answer)
			}))
			defer s.Close()
			for _, format := range []string{"text", "json"} {
				c := command(t, nil, "deadlocks", "--server="+s.URL, "--format="+format)
				if out, err := c.CombinedOutput(); c.ProcessState.ExitCode() != tt.status {
					t.Errorf("%s: %v, want status %d: %s", format, err, tt.status, out)
				}
			}
		})
	}
}
