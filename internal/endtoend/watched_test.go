package endtoend_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// contest is some processes of one OS process that contend for something. They
// give up what they still wait for when it ends.
type contest struct {
	*system
	node *node
	ctx  context.Context //nolint:containedctx // the life of the contest
	end  func()
}

func newContest(s *system) *contest {
	c := &contest{system: s, node: s.node("contest")}
	c.ctx, c.end = context.WithCancel(s.ctx)
	return c
}

// as returns the context of a process.
func (c *contest) as(name string) context.Context {
	return tracing.WithProcess(c.ctx, c.node.agent.Process(name))
}

// does runs f beside the test until it returns, at the latest when the contest ends.
func (c *contest) does(f func() error) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		_ = f() // to wait in vain is what these do
	}()
	c.Cleanup(func() { c.end(); <-done })
	return done
}

// confirmed wants a verdict of a kind about just these processes, and no other.
func (c *contest) confirmed(kind detector.Kind, members ...string) detector.Verdict {
	c.Helper()
	v := c.await(detector.Confirmed).Verdict
	if got := names(v.Core); !slices.Equal(got, members) || v.Kind != kind {
		c.Errorf("confirmed a %s of %v, not a %s of %v", v.Kind, got, kind, members)
	}
	return v
}

func (c *contest) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func TestLocksInOppositeOrder(t *testing.T) {
	everywhere(t, func(_ *testing.T, s *system) {
		c := newContest(s)
		p, q := c.as("p"), c.as("q")
		a, b := watched.NewMutex("a"+s.suffix), watched.NewMutex("b"+s.suffix)
		c.must(a.Lock(p))
		c.must(b.Lock(q))
		c.does(func() error { return b.Lock(p) })
		c.does(func() error { return a.Lock(q) })
		c.confirmed(detector.Cycle, "p", "q")
	})
}

// A lock is held across a call, and whoever serves the call needs the lock.
func TestLockHeldAcrossCall(t *testing.T) {
	everywhere(t, func(_ *testing.T, s *system) {
		c := newContest(s)
		m := watched.NewMutex("m" + s.suffix)
		c.node.serve("server", 16, func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(c.ctx, cancel)()
			return nil, m.Lock(ctx)
		})
		p := c.as("p")
		c.must(m.Lock(p))
		s.acquaint()
		c.does(func() error { return c.node.call(p, "server", "") })
		c.confirmed(detector.Cycle, "p", "server")
	})
}

// Two hold the permits of a semaphore and want another. With a third permit, whose
// holder is active, they get it.
func TestSemaphoreExhausted(t *testing.T) {
	everywhere(t, func(_ *testing.T, s *system) {
		c := newContest(s)
		for _, spare := range []int{1, 0} {
			sem := watched.NewSemaphore("s"+s.suffix, 2+spare)
			p, q, r := c.as("p"), c.as("q"), c.as("r")
			c.must(sem.Acquire(p))
			c.must(sem.Acquire(q))
			if spare > 0 {
				c.must(sem.Acquire(r))
			}
			done := []chan struct{}{
				c.does(func() error { return sem.Acquire(p) }),
				c.does(func() error { return sem.Acquire(q) }),
			}
			if spare == 0 {
				c.confirmed(detector.Knot, "p", "q")
				continue
			}
			s.silence(300 * time.Millisecond)
			c.must(sem.Release(r))
			var second context.Context
			select {
			case <-done[0]:
				second = p
			case <-done[1]:
				second = q
			}
			c.must(sem.Release(second))
			c.must(sem.Release(second))
			<-done[0]
			<-done[1]
		}
	})
}

// The only one that drains a channel waits for a reply of one that fills it.
func TestDrainerWaitsForSender(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		c := newContest(s)
		ch := watched.NewChan[int]("ch"+s.suffix, 1)
		drainer, another := c.node.agent.Process("drainer"), c.node.agent.Process("another")
		out, err := ch.Receiver(drainer)
		c.must(err)
		c.node.serve("engine", 16, func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
			in, err := ch.Sender(tracing.ProcessFrom(ctx))
			if err != nil {
				return nil, err
			}
			defer in.Detach()
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(c.ctx, cancel)()
			for i := range 3 {
				if err := in.Send(ctx, i); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		s.acquaint()

		helps, err := ch.Receiver(another)
		c.must(err)
		ask := func() error { return c.node.call(tracing.WithProcess(c.ctx, drainer), "engine", "") }
		done := c.does(ask)
		s.silence(300 * time.Millisecond) // another may drain
		for range 3 {
			_, err := helps.Receive(c.ctx)
			c.must(err)
		}
		<-done
		helps.Detach()

		c.does(ask)
		v := c.confirmed(detector.Cycle, "drainer", "engine")
		kinds := []report.Kind{v.Core[0].Waits[0].Kind, v.Core[1].Waits[0].Kind}
		if !slices.Contains(kinds, report.Buffer) {
			t.Errorf("they wait for %v", kinds)
		}
		_, err = out.Receive(c.ctx) // whatever the rules say, it drains
		c.must(err)
	})
}

// Two pass values on in a ring that has run empty: each waits for the other to put
// something in.
func TestEmptyRing(t *testing.T) {
	everywhere(t, func(_ *testing.T, s *system) {
		c := newContest(s)
		there, back := watched.NewChan[int]("there"+s.suffix, 1), watched.NewChan[int]("back"+s.suffix, 1)
		pass := func(name string, from, to *watched.Chan[int]) {
			p := c.node.agent.Process(name)
			in, err := from.Receiver(p)
			c.must(err)
			_, err = to.Sender(p)
			c.must(err)
			c.does(func() error { _, err := in.Receive(c.ctx); return err })
		}
		pass("p", there, back)
		s.silence(300 * time.Millisecond) // idle
		pass("q", back, there)
		c.confirmed(detector.Cycle, "p", "q")
	})
}
