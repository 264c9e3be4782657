package cluster_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a cluster on one broker: the embedded one in virtual time, or
// RabbitMQ in real time.
type world struct {
	*testing.T
	cluster string
	url     string
	dial    func(network, addr string) (net.Conn, error)
}

// everywhere runs a test on both brokers.
func everywhere(t *testing.T, test func(w *world)) {
	t.Helper()
	brokertest.OnEach(t, func(t *testing.T, b brokertest.Broker) {
		w := &world{T: t, cluster: "test-" + rand.Text()[:8], url: b.URL, dial: b.Dial}
		if b.Embedded == nil { // no bubble: clusters do not see each other
			t.Parallel()
			w.dial = net.Dial
		}
		test(w)
	})
}

// host is a node and the network between it and the broker.
type host struct {
	*cluster.Node
	network *brokertest.Network
}

func (w *world) config(node string) cluster.Config {
	return cluster.Config{Cluster: w.cluster, Node: node, URL: w.url, Dial: w.dial}
}

// start starts a node that stops with the test.
func (w *world) start(cfg cluster.Config) *host {
	w.Helper()
	h := &host{network: brokertest.NewNetwork(cfg.Dial)}
	cfg.Dial = h.network.Dial
	node, err := cluster.Start(w.Context(), cfg)
	if err != nil {
		w.Fatal(err)
	}
	h.Node = node
	w.Cleanup(node.Stop)
	return h
}

// nodes starts some, which see each other when it returns.
func (w *world) nodes(names ...string) []*host {
	w.Helper()
	var hosts []*host
	for _, name := range names {
		hosts = append(hosts, w.start(w.config(name)))
	}
	for _, h := range hosts {
		w.sees(h, names...)
	}
	return hosts
}

// sees waits until a node lists just those.
func (w *world) sees(h *host, names ...string) {
	w.Helper()
	w.until("the node sees the others", func() bool { return slices.Equal(h.Nodes(), names) })
}

// until waits for something that takes its time.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	w.Fatalf("it never came to pass: %s", what)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// wants checks what an error is.
func (w *world) wants(what string, err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// spawn starts a process that answers with what it is asked.
func (w *world) spawn(h *host, name string) *cluster.Process {
	w.Helper()
	p, err := h.Spawn(w.Context(), name, echo)
	w.must(err)
	return p
}

func echo(_ context.Context, _ *cluster.Process, body []byte) ([]byte, error) { return body, nil }

func TestNodesListTheSameNodes(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3")
		_, err := cluster.Start(w.Context(), w.config("n2"))
		w.wants("a second n2", err, cluster.ErrTaken)
		hosts[1].Stop()
		w.sees(hosts[0], "n1", "n3")
		w.sees(hosts[2], "n1", "n3")
		again := w.start(w.config("n2"))
		for _, h := range []*host{hosts[0], again, hosts[2]} {
			w.sees(h, "n1", "n2", "n3")
		}
	})
}

// A node whose connection is cut is gone for the others at once, and for itself
// they are; it comes back by itself, and they have seen it go.
func TestNodeLosesItsConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3")
		p := w.spawn(hosts[1], "p")
		watched := hosts[0].Monitor(w.Context(), p.PID())
		hosts[1].network.Cut()
		w.sees(hosts[0], "n1", "n3")
		w.sees(hosts[1], "n2")
		if d := <-watched; !errors.Is(&d, cluster.ErrNodeDown) {
			w.Errorf("told %v", &d)
		}
		hosts[1].network.Mend()
		for _, h := range hosts {
			w.sees(h, "n1", "n2", "n3")
		}
		w.until("its process is back", func() bool {
			reply, err := hosts[0].Ask(w.Context(), p.PID().Address, []byte("still there?"))
			return string(reply) == "still there?" && err == nil
		})
	})
}

func TestBadNames(t *testing.T) {
	for _, cfg := range []cluster.Config{
		{Cluster: "c", URL: "amqp://localhost/"},
		{Cluster: "c", Node: "a/b", URL: "amqp://localhost/"},
		{Cluster: string(make([]byte, 61)), Node: "n", URL: "amqp://localhost/"},
		{Cluster: "c", Node: "n", CallTimeout: -1},
		{Cluster: "c", Node: "n", Ops: map[string]cluster.Op{"cluster.alive": nil}},
	} {
		if _, err := cluster.Start(t.Context(), cfg); !errors.Is(err, cluster.ErrInvalid) {
			t.Errorf("%+v: error %v", cfg, err)
		}
	}
}
