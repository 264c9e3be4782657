package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

const (
	// opHeader names the operation in a request to a node.
	opHeader = "op"
	// internal is what the names of the package's own operations begin with.
	internal = "cluster."
	// atATime is how many operations a node runs at a time.
	atATime = 64
)

// serveOps serves the node's operations on the queue that is its name.
func (n *Node) serveOps(ctx context.Context, queue string) error {
	process := n.cfg.Agent.Process("ops@" + n.cfg.Node)
	defer process.Stop()
	return n.conn.Serve(ctx, amqprpc.Server{
		Queue: queue, Process: process, Prefetch: atATime, PerRequest: true,
		Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			name, _ := r.Headers[opHeader].(string)
			op := n.cfg.Ops[name]
			if own, ok := n.ownOps()[name]; ok {
				op = own
			}
			if op == nil {
				return nil, fmt.Errorf("%w: %q at %s", ErrNoOp, name, n.cfg.Node)
			}
			reply, err := guarded(ctx, op, r.Body)
			return reply, outbound(err)
		},
	})
}

// ownOps are the operations by which nodes serve each other.
func (n *Node) ownOps() map[string]Op {
	return map[string]Op{
		internal + "hear":  n.opHear,
		internal + "alive": answer(n.opAlive),
		internal + "link":  answer(n.opLink),
		internal + "copy":  answer(n.opCopy),
		internal + "store": answer(n.opStore),
	}
}

// answer makes an operation of a function on JSON values.
func answer[Q, A any](f func(ctx context.Context, q Q) (A, error)) Op {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		var q Q
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		a, err := f(ctx, q)
		if err != nil {
			return nil, err
		}
		return json.Marshal(a)
	}
}

// request asks a node for one of the package's own operations.
func request[A any](ctx context.Context, n *Node, node, op string, q any) (a A, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return a, fmt.Errorf("%s at %s: %w", op, node, err)
	}
	reply, err := n.Call(ctx, node, internal+op, body)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(reply, &a); err != nil {
		return a, fmt.Errorf("%s at %s: %w", op, node, err)
	}
	return a, nil
}

// Call asks one node for an operation. It ends with ErrNodeDown when the node
// does, and with amqprpc.ErrTimeout after the node's CallTimeout, or when ctx
// says so.
func (n *Node) Call(ctx context.Context, node, op string, body []byte) ([]byte, error) {
	return n.call(ctx, node, op, body, 0)
}

func (n *Node) call(ctx context.Context, node, op string, body []byte, timeout time.Duration) ([]byte, error) {
	if err := checkName(node); err != nil {
		return nil, fmt.Errorf("call %s: %w", op, err)
	}
	down := fmt.Errorf("%w: %s", ErrNodeDown, node)
	ctx, done := n.whileUp(ctx, node, down)
	defer done()
	reply, err := n.conn.Call(ctx, amqprpc.Call{
		Key: n.cfg.object("node", node), Body: body, Headers: amqp.Table{opHeader: op}, Timeout: timeout,
	})
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", op, node, inbound(err, down))
	}
	return reply.Body, nil
}

// CallNode asks a node for an operation from outside of its cluster, and waits no
// longer than the timeout.
func CallNode(ctx context.Context, conn *amqprpc.Conn, cluster, node, op string, body []byte, timeout time.Duration) ([]byte, error) {
	cfg := Config{Cluster: cluster, Node: node}
	if err := cfg.Names(); err != nil {
		return nil, fmt.Errorf("call %s: %w", op, err)
	}
	reply, err := conn.Call(ctx, amqprpc.Call{Key: cfg.object("node", node), Body: body, Headers: amqp.Table{opHeader: op}, Timeout: timeout})
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", op, node, inbound(err, fmt.Errorf("%w: %s", ErrNodeDown, node)))
	}
	return reply.Body, nil
}

// whileUp returns a context that ends when the node does, if it is known to be
// up.
func (n *Node) whileUp(ctx context.Context, node string, down error) (context.Context, context.CancelFunc) {
	stay := n.stayOf(node)
	if stay == 0 {
		return context.WithCancel(ctx)
	}
	return n.whilst(ctx, down, func(r *roster) bool { return r.members[node].Stay == stay })
}

// Answer is what came of one node in a Multicall.
type Answer struct {
	Node string
	Body []byte
	Err  error
}

// Answers is the outcome of a Multicall. Both lists are in the order of names.
type Answers struct {
	Answers []Answer // with a *RemoteError if that is what the node answered
	Silent  []Answer // with ErrNodeDown, amqprpc.ErrTimeout or the end of the context
}

// Multicall asks nodes for an operation, all at the same time, and waits until
// each has answered or is down; with a timeout above 0 no longer than that, else
// as long as ctx allows. Without nodes it asks all that are up, this one
// included.
func (n *Node) Multicall(ctx context.Context, op string, body []byte, timeout time.Duration, nodes ...string) Answers {
	if len(nodes) == 0 {
		nodes = n.Nodes()
	}
	nodes = slices.Compact(slices.Sorted(slices.Values(nodes)))
	if timeout <= 0 {
		timeout = -1
	}
	all := make([]Answer, len(nodes))
	var calls sync.WaitGroup
	for i, node := range nodes {
		calls.Go(func() {
			reply, err := n.call(ctx, node, op, body, timeout)
			all[i] = Answer{Node: node, Body: reply, Err: err}
		})
	}
	calls.Wait()
	var sum Answers
	for _, a := range all {
		if remote := new(RemoteError); a.Err == nil || errors.As(a.Err, &remote) {
			sum.Answers = append(sum.Answers, a)
		} else {
			sum.Silent = append(sum.Silent, a)
		}
	}
	return sum
}
