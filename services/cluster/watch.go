package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// DownError says that a watched process is gone.
type DownError struct {
	PID    PID
	Reason error // ErrNodeDown if its node is, else ErrNoProcess
}

// Error says who is gone, and why.
func (d *DownError) Error() string { return fmt.Sprintf("%s: %v", d.PID, d.Reason) }

// Unwrap returns the reason.
func (d *DownError) Unwrap() error { return d.Reason }

// Monitor watches a process, on whatever node: the channel, which has room for
// it, gets one DownError when the process or its node is gone, at once if there is no
// such process. It gets nothing if ctx or this node ends before.
func (n *Node) Monitor(ctx context.Context, pid PID) <-chan DownError {
	told := make(chan DownError, 1)
	go func() {
		if d := n.await(ctx, pid); d != nil {
			told <- *d
		}
	}()
	return told
}

// await waits until a process is gone. It returns nil if ctx or this node ends
// before.
func (n *Node) await(ctx context.Context, pid PID) *DownError {
	reason := n.awaitReason(ctx, pid)
	if ctx.Err() != nil || errors.Is(reason, ErrStopped) {
		return nil
	}
	return &DownError{pid, reason}
}

func (n *Node) awaitReason(ctx context.Context, pid PID) error {
	if pid.Node == n.cfg.Node {
		err := n.until(ctx, func(r *roster) bool { return !r.alive(pid) })
		return cmp.Or(err, ErrNoProcess)
	}
	// Whoever has left and come back has another stay: no change goes unseen,
	// however late we look. That holds of our own node, too.
	here, there := n.stayOf(n.cfg.Node), n.stayOf(pid.Node)
	parted := func(r *roster, from uint64) bool {
		return r.members[n.cfg.Node].Stay != here || r.members[pid.Node].Stay != from
	}
	since, err := n.findOut(ctx, pid)
	switch {
	case errors.Is(err, ErrNoProcess):
		return ErrNoProcess
	case err != nil:
		err = n.until(ctx, func(r *roster) bool { return there == 0 || parted(r, there) })
		return cmp.Or(err, ErrNodeDown)
	}
	err = n.until(ctx, func(r *roster) bool {
		now := r.members[pid.Node].Stay
		return parted(r, now) || r.ended[pid.Node] == since.Stay || now == since.Stay || now != 0 && now != there
	})
	if err != nil {
		return err
	}
	var reason error
	err = n.until(ctx, func(r *roster) bool {
		if parted(r, since.Stay) {
			reason = ErrNodeDown
			return true
		}
		reason = ErrNoProcess
		return r.members[pid.Node].Seq >= since.Seq && !r.alive(pid)
	})
	return cmp.Or(err, reason)
}

// findOut asks the node of a process about it. A process that was started just
// now may not be announced yet: its node knows, and says from which announcement
// on it counts.
func (n *Node) findOut(ctx context.Context, pid PID) (since announced, err error) {
	for {
		since, err = request[announced](ctx, n, pid.Node, "alive", pid)
		if !errors.Is(err, amqprpc.ErrTimeout) || ctx.Err() != nil {
			return since, err
		}
	}
}

// stayOf returns the number of a node's stay in the cluster, 0 if it is not up.
func (n *Node) stayOf(node string) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.roster.members[node].Stay
}

// announced says in which announcement of a node something is, and in later
// ones.
type announced struct {
	Stay uint64 `json:"stay"`
	Seq  uint64 `json:"seq"`
}

// opAlive says where the process is announced.
func (n *Node) opAlive(_ context.Context, pid PID) (announced, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.roster.alive(pid) {
		return announced{}, ErrNoProcess
	}
	return announced{n.self.Stay, n.self.Seq}, nil
}

// Link ties two processes to each other: when one ends, or its node goes down,
// the other ends as well, with a *DownError as its cause. Linking to a process that
// is gone already is ErrNoProcess or ErrNodeDown, and ends nobody.
func (p *Process) Link(ctx context.Context, other PID) error {
	if _, err := request[struct{}](ctx, p.node, other.Node, "link", tie{Process: other, To: p.pid}); err != nil {
		return fmt.Errorf("link %s to %s: %w", p.pid, other, err)
	}
	p.tieTo(other)
	return nil
}

// tie asks for a process to end when another does.
type tie struct {
	Process PID `json:"process"`
	To      PID `json:"to"`
}

func (n *Node) opLink(_ context.Context, t tie) (struct{}, error) {
	n.mu.Lock()
	p := n.processes[t.Process.Name]
	n.mu.Unlock()
	if p == nil || p.pid != t.Process || p.Err() != nil {
		return struct{}{}, ErrNoProcess
	}
	p.tieTo(t.To)
	return struct{}{}, nil
}

// tieTo ends the process when another does.
func (p *Process) tieTo(other PID) {
	ctx, done := context.WithCancel(context.Background())
	go func() {
		<-p.ended
		done()
	}()
	go func() {
		if d := p.node.await(ctx, other); d != nil {
			p.end(d)
		}
	}()
}
