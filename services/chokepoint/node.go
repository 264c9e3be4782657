package chokepoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/cluster"
)

// Value is what a request is answered with.
type Value struct {
	Key    string `json:"key"`
	Number int    `json:"number"` // 1 to 1000; of a sum, the sum
	Node   string `json:"node"`   // where the worker lives
	// InsteadOf is the node that should have served the key and failed.
	InsteadOf string `json:"instead_of,omitempty"`
}

// String says all of it.
func (v Value) String() string {
	if v.InsteadOf == "" {
		return fmt.Sprintf("%d, of %s", v.Number, v.Node)
	}
	return fmt.Sprintf("%d, of %s instead of %s", v.Number, v.Node, v.InsteadOf)
}

// request is what a node or a worker is asked.
type request struct {
	Key  string `json:"key"`
	With string `json:"with,omitempty"` // of a sum: the other key
}

func (r request) check() error {
	if err := checkKey(r.Key); err != nil || r.With == "" {
		return err
	}
	if r.With == r.Key {
		return fmt.Errorf("%w: sum of %s with itself", ErrInvalid, r.Key)
	}
	return checkKey(r.With)
}

// Operations of a node.
const (
	opGet   = "get"   // answers a request from outside
	opHost  = "host"  // starts the worker of a key
	opNodes = "nodes" // lists the nodes
)

// again is how long to wait until nodes have heard of each other.
const again = 10 * time.Millisecond

// Node is a member of the cluster that takes requests and hosts workers. Its
// methods may be called from many goroutines.
type Node struct {
	cfg     Config
	joined  chan struct{} // closed when member is set
	member  *cluster.Node
	refuses atomic.Bool
	over    chan struct{} // closed when the node stops
	stop    func()

	mu      sync.Mutex // guards adding to workers
	stopped bool
	workers sync.WaitGroup
}

// Start makes a node join the cluster. It fails with ErrNameTaken if there is one
// of that name. ctx bounds the start alone; Stop ends the node.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start node: %w", err)
	}
	n := &Node{cfg: cfg.withDefaults(), joined: make(chan struct{}), over: make(chan struct{})}
	n.stop = sync.OnceFunc(func() { close(n.over) })
	var err error
	n.member, err = cluster.Start(ctx, cluster.Config{
		Cluster: n.cfg.Cluster, Node: cfg.Node, URL: cfg.URL, Dial: cfg.Dial, Agent: cfg.Agent, CallTimeout: n.cfg.Timeout,
		TracerProvider: cfg.TracerProvider, Log: cfg.Log,
		Ops: map[string]cluster.Op{opGet: n.op(n.serve), opHost: n.op(n.serveHost), opNodes: n.op(n.serveNodes)},
	})
	if err != nil {
		return nil, err
	}
	close(n.joined)
	return n, nil
}

// op makes an operation of a function. It waits until the node is complete.
func (n *Node) op(f func(ctx context.Context, r request) (any, error)) cluster.Op {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		select {
		case <-n.joined:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		var r request
		if err := json.Unmarshal(body, &r); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		answer, err := f(ctx, r)
		if err != nil {
			return nil, outbound(err)
		}
		return json.Marshal(answer)
	}
}

func (n *Node) serve(ctx context.Context, r request) (any, error)     { return n.ask(ctx, "", r) }
func (n *Node) serveHost(ctx context.Context, r request) (any, error) { return nil, n.host(ctx, r.Key) }
func (n *Node) serveNodes(context.Context, request) (any, error)      { return n.Nodes(), nil }

// Stop ends the node's workers and leaves the cluster.
func (n *Node) Stop() {
	n.mu.Lock()
	n.stopped = true
	n.mu.Unlock()
	n.stop()
	n.workers.Wait()
	n.member.Stop()
}

// Nodes returns the nodes that are up, as this one knows them, in order.
func (n *Node) Nodes() []string { return n.member.Nodes() }

// Refuse makes the node start no more workers, or start them again. Those that
// live go on.
func (n *Node) Refuse(refuse bool) { n.refuses.Store(refuse) }

// ask answers a request in the name of a worker, if one is named.
func (n *Node) ask(ctx context.Context, asker string, r request) (Value, error) {
	if err := r.check(); err != nil {
		return Value{}, err
	}
	if r.With == "" || !n.cfg.Outside {
		return n.askWorker(ctx, asker, r)
	}
	v, err := n.askWorker(ctx, asker, request{Key: r.Key})
	if err != nil {
		return v, err
	}
	other, err := n.askWorker(ctx, asker, request{Key: r.With})
	v.Number += other.Number
	return v, err
}

// askWorker asks the worker of a key, which it finds or has started: at the
// node that the key chooses, or here if a node has failed.
func (n *Node) askWorker(ctx context.Context, asker string, r request) (v Value, err error) {
	ended := n.cfg.Hooks.Calling(asker, workerName(r.Key))
	defer func() { ended(err) }()
	ctx, done := context.WithTimeout(ctx, n.cfg.Timeout)
	defer done()
	s := search{node: n, key: r.Key}
	for {
		pid, lives := n.member.WhereIs(registered(r.Key))
		if !lives {
			if err := s.haveStarted(ctx); err != nil {
				return v, inbound(err)
			}
			continue
		}
		s.chosen = pid.Node
		body, err := n.member.Ask(ctx, pid.Address, encode(r))
		if err == nil {
			err = json.Unmarshal(body, &v)
			if v.Node == n.cfg.Node {
				v.InsteadOf = s.failed
			}
			return v, err
		}
		if !errors.Is(err, cluster.ErrNoProcess) && !errors.Is(err, cluster.ErrNodeDown) {
			return v, inbound(err)
		}
		if err := pause.For(ctx, again); err != nil {
			return v, inbound(err)
		}
	}
}

// search is for a worker that is to serve one request.
type search struct {
	node   *Node
	key    string
	chosen string // the node that has the worker, or was asked to start it
	failed string // the node that should have served the key; then this one does
}

// haveStarted has the worker started, and waits a moment for this node to hear of
// it.
func (s *search) haveStarted(ctx context.Context) error {
	n, nodes := s.node, s.node.Nodes()
	if s.chosen != "" && !slices.Contains(nodes, s.chosen) {
		s.failed = s.chosen
	}
	if s.chosen = owner(s.key, nodes); s.chosen != n.cfg.Node && s.failed == "" {
		_, err := n.member.Call(ctx, s.chosen, opHost, encode(request{Key: s.key}))
		if ctx.Err() != nil {
			return err
		}
		if err == nil {
			return pause.For(ctx, again)
		}
		n.cfg.Log.WarnContext(ctx, "serve a key here", "key", s.key, "instead_of", s.chosen, "error", err)
		s.failed = s.chosen
	}
	s.chosen = n.cfg.Node
	err := n.host(ctx, s.key)
	if errors.Is(err, cluster.ErrTaken) {
		return pause.For(ctx, again)
	}
	return err
}

// owner returns the node that a key chooses among those that are up.
func owner(key string, nodes []string) string {
	if len(nodes) == 0 {
		return ""
	}
	if i, err := strconv.ParseUint(key, 10, 64); err == nil {
		return nodes[i%uint64(len(nodes))]
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // a hash takes everything
	return nodes[h.Sum64()%uint64(len(nodes))]
}

func encode(r request) []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("marshal request: %v", err)) // its fields are text
	}
	return data
}
