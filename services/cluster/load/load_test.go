package load_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/cluster/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		var told []int
		sum, err := load.Run(t.Context(), load.Config{
			Requests: 100, InFlight: 7, Progress: func(done, _ int) { told = append(told, done) },
		}, func(_ context.Context, number int) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Duration(number+1) * time.Second)
			switch number % 10 {
			case 3:
				panic("on purpose")
			case 4:
				return errors.New("refused")
			}
			return nil
		})
		want := load.Summary{
			Total: 100, Succeeded: 80, Failed: 20, Shortest: time.Second, Longest: 100 * time.Second,
			Average: 50750 * time.Millisecond, Took: sum.Took, Errors: map[string]int{"operation panicked: on purpose": 10, "refused": 10},
		}
		if diff := cmp.Diff(want, sum); diff != "" || err != nil {
			t.Errorf("summary (-want +got), error %v:\n%s", err, diff)
		}
		if most.Load() != 7 {
			t.Errorf("%d were in flight, want 7", most.Load())
		}
		if len(told) != 100 || told[99] != 100 {
			t.Errorf("progress was told %d times: %v", len(told), told)
		}
	})
}

func TestRunIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10500*time.Millisecond)
		defer cancel()
		sum, err := load.Run(ctx, load.Config{Requests: 1000, InFlight: 2}, func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || sum.Total != 22 || sum.Succeeded != 22 {
			t.Errorf("%d of %d succeeded, %v", sum.Succeeded, sum.Total, err)
		}
	})
}

func TestRunRefuses(t *testing.T) {
	for _, cfg := range []load.Config{{}, {Requests: 1}, {InFlight: 1}, {Requests: -1, InFlight: 1}} {
		if _, err := load.Run(t.Context(), cfg, nil); !errors.Is(err, cluster.ErrInvalid) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := load.Spread(nil, nil, "", nil); err == nil {
		t.Error("load is spread over nobody")
	}
}

func TestErrorsAreBounded(t *testing.T) {
	sum, _ := load.Run(t.Context(), load.Config{Requests: 50, InFlight: 1}, func(_ context.Context, n int) error { return fmt.Errorf("failure %d", n) })
	if len(sum.Errors) != 9 || sum.Errors["others"] != 42 {
		t.Errorf("%v", sum.Errors)
	}
}

func TestBar(t *testing.T) {
	var b strings.Builder
	bar := load.Bar(&b)
	for done := range 1001 {
		bar(done, 1000)
	}
	if n := strings.Count(b.String(), "\r"); n != 101 || !strings.HasSuffix(b.String(), "\r["+strings.Repeat("=", 40)+"] 100 %  1000 of 1000\n") {
		t.Errorf("%d times: %q", n, b.String())
	}
}

// Three nodes put load on a web server, each a third of it; one of them is down.
func TestSpreadOverNodes(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		var mu sync.Mutex
		by := make(map[string]int)
		transport := handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			by[r.UserAgent()]++
			if r.URL.Path != "/well" {
				w.WriteHeader(http.StatusTeapot)
			}
		})}
		var driver *cluster.Node
		for _, name := range []string{"n1", "n2", "n3"} {
			node, err := cluster.Start(t.Context(), cluster.Config{
				Cluster: "load-" + t.Name()[len(t.Name())-8:], Node: name, URL: b.URL, Dial: b.Dial,
				Ops: map[string]cluster.Op{"get": load.Get(&http.Client{Transport: agent{name, transport}})},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(node.Stop)
			driver = node
		}
		run := func(url string, nodes ...string) load.Summary {
			task, err := load.Spread(driver, nodes, "get", []byte(url))
			if err != nil {
				t.Fatal(err)
			}
			sum, err := load.Run(t.Context(), load.Config{Requests: 90, InFlight: 9}, task)
			if err != nil {
				t.Fatal(err)
			}
			return sum
		}
		if sum := run("http://server/well", "n1", "n2", "n3"); sum.Succeeded != 90 || !cmp.Equal(by, map[string]int{"n1": 30, "n2": 30, "n3": 30}) {
			t.Errorf("%v\nby %v", sum, by)
		}
		if sum := run("http://server/ill", "n1", "n2"); sum.Failed != 90 {
			t.Errorf("%v", sum)
		}
		if sum := run("http://server/well", "n1", "n2", "n4"); sum.Failed != 30 || sum.Succeeded != 60 {
			t.Errorf("%v", sum)
		}
		for _, bad := range []string{"ftp://server/", "http://", "%", ""} {
			if sum := run(bad, "n1"); sum.Failed != 90 || len(sum.Errors) != 1 {
				t.Errorf("%q: %v", bad, sum)
			}
		}
	})
}

// handlerTransport answers requests without a network.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// agent names itself in its requests.
type agent struct {
	name string
	http.RoundTripper
}

func (a agent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", a.name)
	return a.RoundTripper.RoundTrip(r)
}
