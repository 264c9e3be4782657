package endtoend_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// The situations in which other detectors of deadlocks among services break, one
// test each; those about pools are in pool_test.go.

// brief is a timeout that a call survives.
const brief = time.Second

// askBriefly makes a handler that asks somebody, and goes on when it takes too
// long.
func (n *node) askBriefly(whom string) amqprpc.Handler {
	return func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
		return nil, n.callFor(ctx, brief, whom)
	}
}

func (n *node) callFor(ctx context.Context, d time.Duration, whom string) error {
	_, err := n.conn.Call(ctx, amqprpc.Call{Key: whom + n.suffix, Timeout: d})
	return err
}

// A call times out, is caught, and its reply comes late: it hurts nobody.
func TestLateReplyHurtsNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("late")
		slow := 2 * brief
		n.serve("slow", 16, does(func(ctx context.Context) error {
			d := slow
			slow = 0
			return pause.For(ctx, d)
		}))
		client := n.as("client")
		if err := n.callFor(client, brief, "slow"); !errors.Is(err, amqprpc.ErrTimeout) {
			t.Errorf("first call: %v, want a timeout", err)
		}
		s.silence(2 * brief)
		if err := n.call(client, "slow", ""); err != nil {
			t.Errorf("second call: %v", err)
		}
		if late := n.conn.Stats().LateReplies; late != 1 {
			t.Errorf("%d late replies, want 1", late)
		}
		s.silence(brief)
	})
}

// A cycle that a timeout will resolve is reported with the time that is left,
// and resolved by the timeout. The services are usable afterwards.
func TestTimeoutResolves(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("brief")
		var asked atomic.Bool
		n.serve("0", 16, does(func(ctx context.Context) error {
			if asked.Swap(true) {
				return nil
			}
			return n.call(ctx, "1", "")
		}))
		n.serve("1", 16, n.askBriefly("0"))
		s.acquaint()
		done := make(chan error, 1)
		client := n.as("client")
		began := time.Now()
		go func() { done <- n.call(client, "0", "") }()
		confirmed := s.await(detector.Confirmed)
		if left := confirmed.Verdict.Deadline.Sub(began); left < brief || left > 2*brief {
			t.Errorf("resolves %v after the beginning, by the verdict", left)
		}
		if cause := s.await(detector.Resolved).Verdict.Cause; cause != "timeout" {
			t.Errorf("resolved by %s, not the timeout", cause)
		}
		if err := <-done; err == nil {
			t.Error("the outer call succeeded, though the inner one timed out")
		}
		if err := n.call(client, "1", ""); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		s.silence(brief)
	})
}

// A process that sends a request, does something else and waits for the reply
// later is seen when it waits.
func TestLaterReceive(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("later")
		n.serve("0", 16, does(func(ctx context.Context) error {
			later := n.send(ctx, "1")
			if err := pause.For(ctx, 2*brief); err != nil {
				return err
			}
			return later(ctx, s.ctx.Done())
		}))
		n.serve("1", 16, does(func(ctx context.Context) error { return n.callFor(ctx, 10*brief, "0") }))
		s.acquaint()
		go n.call(n.as("client"), "0", "")
		s.unconfirmed(brief)
		if core := names(s.await(detector.Confirmed).Verdict.Core); strings.Join(core, " ") != "0 1" {
			t.Errorf("the core is %v", core)
		}
	})
}

// send sends a request as somebody does who will wait for the reply later, by
// the function that it returns, until it is told to stop.
func (n *node) send(ctx context.Context, whom string) (later func(ctx context.Context, stop <-chan struct{}) error) {
	reply := n.agent.NewReply()
	wait := tracing.Wait{Kind: report.Reply, Resource: reply, Key: whom + n.suffix}
	b := n.agent.Block(ctx, tracing.All, wait)
	n.publish(b.Context(ctx, 0), whom, reply)
	b.End(report.Granted)
	return func(ctx context.Context, stop <-chan struct{}) error {
		defer n.agent.Block(ctx, tracing.All, wait).End(report.Cancelled)
		select {
		case <-stop:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
}

// The callee dies while the caller waits. The wait stands until its timeout,
// and is no deadlock.
func TestCalleeDies(t *testing.T) {
	t.Parallel()
	for name, die := range map[string]func(n *node, crash chan<- struct{}){
		"process":         func(_ *node, crash chan<- struct{}) { close(crash) },
		"OS process":      func(n *node, _ chan<- struct{}) { n.kill() },
		"its connections": func(n *node, _ chan<- struct{}) { n.line.Cut() },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *system) {
				caller, callee := s.node("caller"), s.node("callee")
				crash := make(chan struct{})
				callee.serve("callee", 16, does(func(ctx context.Context) error {
					select {
					case <-crash:
						return amqprpc.Crash(errCrash)
					case <-ctx.Done():
						return ctx.Err()
					}
				}))
				s.acquaint()
				var calling sync.WaitGroup
				calling.Go(func() {
					if err := caller.callFor(caller.as("client"), 3*time.Second, "callee"); !errors.Is(err, amqprpc.ErrTimeout) {
						t.Errorf("call: %v, want a timeout", err)
					}
				})
				time.Sleep(brief)
				die(callee, crash)
				s.silence(3 * time.Second) // and the lease of its agent
				calling.Wait()
			})
		})
	}
}

// One member is killed after the verdict: it is resolved, and the others run on
// as their calls time out.
func TestMemberKilled(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		var nodes []*node
		for i, name := range []string{"0", "1", "2"} {
			n := s.node("member")
			nodes = append(nodes, n)
			next := []string{"1", "2", "0"}[i]
			n.serve(name, 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				if string(r.Body) == "calm" {
					return nil, nil
				}
				return nil, n.callFor(ctx, 8*time.Second, next)
			})
		}
		s.acquaint()
		go nodes[0].call(nodes[0].as("client"), "0", "")
		s.await(detector.Confirmed)
		nodes[2].kill()
		if cause := s.await(detector.Resolved).Verdict.Cause; cause != detector.CauseAgentLost && cause != "timeout" {
			t.Errorf("resolved by %s", cause)
		}
		for _, name := range []string{"0", "1"} {
			if err := nodes[0].call(nodes[0].as("client"), name, "calm"); err != nil {
				t.Errorf("%s does not run on: %v", name, err)
			}
		}
		s.silence(brief)
	})
}

// There is one report for each core, with names, ages, deadlines and a sentence
// for each edge; who calls into it from outside is told of as collateral.
func TestReport(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n, outside := s.node("inside"), s.node("outside")
		n.serve("0", 16, does(func(ctx context.Context) error { return n.callFor(ctx, 20*time.Second, "1") }))
		n.serve("1", 16, does(func(ctx context.Context) error { return n.callFor(ctx, 20*time.Second, "0") }))
		s.acquaint()
		go n.call(n.as("client"), "0", "")
		s.await(detector.Confirmed)
		go outside.callFor(s.ctx, 20*time.Second, "1") // by no process of its own
		a := s.awaitThat("stands", func(a *announcement) bool { return a.Again })
		v := explain.Of(a.Verdict, a.at)
		text := v.String()
		for _, want := range []string{
			"0 has waited", "1 has waited", "for the reply to its request to 1" + s.suffix, "gives up in", "blocked by 0", "blocked by 1",
			"client", "outside.caller/1",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("nothing says %q:\n%s", want, text)
			}
		}
		for _, a := range s.heard {
			if a.Verdict.ID != v.ID {
				t.Errorf("another report: %v", names(a.Verdict.Core))
			}
		}
	})
}

// An external client that nobody instruments calls into a deadlock: nothing
// can be said of it, and nothing changes what is said of others.
func TestUninstrumentedClient(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("inside")
		n.serve("0", 16, does(func(ctx context.Context) error { return n.callFor(ctx, 20*time.Second, "1") }))
		n.serve("1", 16, does(func(ctx context.Context) error { return n.callFor(ctx, 20*time.Second, "0") }))
		s.acquaint()
		n.publish(n.ctx, "0", "stranger/1")
		confirmed := s.await(detector.Confirmed)
		n.publish(n.ctx, "1", "stranger/2")
		v := s.awaitThat("stands", func(a *announcement) bool { return a.Again }).Verdict
		if v.ID != confirmed.Verdict.ID || v.Status != detector.Confirmed || v.CollateralCount != 0 {
			t.Errorf("it became %s, with %d behind it", v.Status, v.CollateralCount)
		}
	})
}
