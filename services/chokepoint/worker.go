package chokepoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// highest is the highest number that a worker can hold; the lowest is 1.
const highest = 1000

// workerName returns the name of a key's worker.
func workerName(key string) string { return "key_" + key }

// registered returns under which name of the cluster it is registered.
func registered(key string) string { return "worker " + key }

// worker holds the value of a key for its lifetime.
type worker struct {
	node  *Node
	value Value
}

// host starts the worker of a key here, unless it is here. It fails with
// cluster.ErrTaken if another node has it.
func (n *Node) host(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if n.refuses.Load() {
		return fmt.Errorf("%w: %s starts no workers", ErrRefused, n.cfg.Node)
	}
	if !n.begin() {
		return fmt.Errorf("%w: %s stops", ErrRefused, n.cfg.Node)
	}
	w := &worker{node: n, value: Value{Key: key, Number: 1 + rand.IntN(highest), Node: n.cfg.Node}} //nolint:gosec // no secret
	p, err := n.member.Spawn(ctx, workerName(key), w.answer)
	if err == nil {
		if err = p.Register(ctx, registered(key)); err == nil {
			n.cfg.Hooks.Started(p.PID().String())
			go n.outlive(p)
			return nil
		}
		p.Stop()
	} else if errors.Is(err, cluster.ErrTaken) {
		err = nil // it is about to be there
	}
	n.workers.Done()
	return err
}

// begin counts a worker to come. It returns false if the node stops.
func (n *Node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.stopped {
		n.workers.Add(1)
	}
	return !n.stopped
}

// outlive waits for the end of a worker, and ends it after its lifetime.
func (n *Node) outlive(p *cluster.Process) {
	defer n.workers.Done()
	timer := time.NewTimer(n.cfg.Lifetime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.over:
	case <-p.Ended():
	}
	p.Stop()
	if errors.Is(p.Err(), cluster.ErrStopped) {
		n.cfg.Hooks.Gone(p.PID().String())
		return
	}
	n.cfg.Hooks.Crashed(p.PID().String(), p.Err())
}

// answer answers one request. The worker does not outlive a timeout.
func (w *worker) answer(ctx context.Context, p *cluster.Process, body []byte) ([]byte, error) {
	var r request
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := pause.For(ctx, w.node.cfg.Work(r.Key)); err != nil {
		return nil, err
	}
	v := w.value
	if r.With != "" {
		other, err := w.node.ask(ctx, p.PID().String(), request{Key: r.With})
		if errors.Is(err, ErrTimeout) {
			return nil, amqprpc.Crash(err)
		}
		if err != nil {
			return nil, outbound(err)
		}
		v.Number += other.Number
	}
	return json.Marshal(v)
}
