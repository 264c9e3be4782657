package clusterplay

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/demo"
)

// told is what nodes tell, from many goroutines.
type told struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *told) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

// People start nodes, ask them, and kill one.
func TestByHand(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		var out told
		cfg := demo.Config{URL: b.URL, Dial: b.Dial, Out: &out}
		start := func(name string) (stop func()) {
			ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
			var done sync.WaitGroup
			done.Go(func() {
				if err := demo.RunNode(ctx, Example(), cfg, name); ctx.Err() == nil {
					t.Errorf("node %s: %v", name, err)
				}
			})
			stop = func() {
				cancel()
				done.Wait()
			}
			t.Cleanup(stop)
			return stop
		}
		ask := func(line string) string {
			words := strings.Fields(line)
			answer, err := demo.CallOp(t.Context(), Example(), cfg, words[0], words[1:])
			if err != nil {
				return err.Error()
			}
			return answer
		}
		wants := func(line, want string) {
			t.Helper()
			got := ""
			for range 200 { // a node may not have joined yet, or not have heard of another
				if got = ask(line); strings.Contains(got, want) {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
		start("n1")
		stop := start("n2")
		start("n3")
		for _, node := range []string{"n1", "n2", "n3"} {
			wants("nodes "+node, "n1, n2, n3")
		}
		if err := demo.RunNode(t.Context(), Example(), cfg, "n2"); err == nil || !strings.Contains(err.Error(), "name is taken") {
			t.Errorf("a second n2: %v", err)
		}
		for _, line := range [][2]string{
			{"serves n3", "n1"},
			{"everybody n3", "answered: n1, n2, n3; silent: nobody"},
			{"lock n1 l", "hand@n1 holds l"},
			{"unlock n2 l", "not the holder"},
			{"unlock n1 l", "deleted"},
			{"register n1 boss", "hand@n1"},
			{"register n2 boss", "name is taken"},
			{"where n3 boss", "hand@n1"},
			{"where n3 nobody", "no such process"},
			{"put n3 g k v", "no such group"},
			{"join n1 g", "hand@n1"},
			{"join n2 g", "hand@n2"},
			{"members n3 g", "hand@n1, hand@n2"},
			{"put n3 g k v", "copied to all members"},
			{"get n2 g k", "v"},
			{"move n1 a b 1", "a: 9, b: 11"},
			{"move n1 a b many", "invalid"},
			{"nodes n4", "node is down: n4"},
			{"nodes a/b", "invalid"},
		} {
			wants(line[0], line[1])
		}
		stop()
		wants("nodes n1", "n1, n3")
		wants("members n3 g", "hand@n1")
		wants("get n3 g k", "v")
	}, "cluster")
}

// Load is put on from the nodes that are there, or from some that are started.
func TestLoadNeedsAURLAndNodes(t *testing.T) {
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		cfg := demo.Config{URL: b.URL, Dial: b.Dial}
		for want, l := range map[string]Load{
			"want http://host/path": {URL: "host", Requests: 1, InFlight: 1, Nodes: 1},
			"0 in flight":           {URL: "http://127.0.0.1:1/", Requests: 1, Nodes: 1},
			"no nodes":              {URL: "http://127.0.0.1:1/", Requests: 1, InFlight: 1},
		} {
			if _, err := PutLoad(t.Context(), cfg, l); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", l, err, want)
			}
		}
	}, "cluster")
}
