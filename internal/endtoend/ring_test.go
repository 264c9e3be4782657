package endtoend_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// A ring is found however it closes: by one request that comes back to where it
// began, or by all processes at once, so that no call chain meets itself.
func TestRings(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 10, 100} {
		for _, atOnce := range []bool{false, true} {
			t.Run(fmt.Sprintf("size=%d/at_once=%t", size, atOnce), func(t *testing.T) {
				everywhere(t, func(t *testing.T, s *system) {
					r := newRing(s, size, 16)
					s.acquaint()
					_, _, confirmed := r.deadlock(atOnce)
					if got := len(confirmed.Verdict.Core); got != size {
						t.Errorf("the core has %d members, not %d", got, size)
					}
					if in := confirmed.Verdict.InBand; in == atOnce && size > 1 {
						t.Errorf("in band: %t", in)
					}
				})
			})
		}
	}
}

// ring is a set of processes that each ask the next. A round ends when it is
// cancelled.
type ring struct {
	*node
	names []string

	mu      sync.Mutex
	round   context.Context //nolint:containedctx // the life of what it stands for
	arrived int
	all     chan struct{} // closed when all have been asked
	atOnce  bool          // each waits for that before it asks
	last    time.Time     // when the last process asked the next
}

func newRing(s *system, size, prefetch int) *ring {
	r := &ring{node: s.node("ring")}
	for i := range size {
		r.names = append(r.names, fmt.Sprintf("ring:%d", i))
	}
	for i, name := range r.names {
		r.serve(name, prefetch, does(func(ctx context.Context) error {
			if r.ask(ctx, i) != nil {
				return amqprpc.ErrNoAnswer
			}
			return nil
		}))
	}
	return r
}

var errOver = errors.New("the round is over")

// ask lets process i ask the next, now or when all have been asked.
func (r *ring) ask(ctx context.Context, i int) error {
	r.mu.Lock()
	round, all, atOnce := r.round, r.all, r.atOnce
	if r.arrived++; r.arrived == len(r.names) {
		close(all)
	}
	r.mu.Unlock()
	if atOnce {
		select {
		case <-all:
		case <-round.Done():
			return errOver
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(round, cancel)()
	r.mu.Lock()
	r.last = time.Now()
	r.mu.Unlock()
	return r.call(ctx, r.names[(i+1)%len(r.names)], "")
}

// deadlock makes the ring close, by one request that goes all around or by all
// of its processes at once, and returns when the last of them asked, and what
// the detector said.
func (r *ring) deadlock(atOnce bool) (last time.Time, suspected, confirmed announcement) {
	r.Helper()
	ctx, cancel := context.WithCancel(r.ctx)
	r.mu.Lock()
	all := make(chan struct{})
	r.round, r.arrived, r.all, r.atOnce = ctx, 0, all, atOnce
	r.mu.Unlock()
	callers := 1
	if atOnce {
		callers = len(r.names)
	}
	var asking sync.WaitGroup
	for i := range callers {
		asking.Go(func() { _ = r.call(ctx, r.names[i], "") })
	}
	<-all
	suspected = r.await(detector.Suspected)
	confirmed = r.await(detector.Confirmed)
	r.mu.Lock()
	last = r.last
	r.mu.Unlock()
	cancel()
	asking.Wait()
	for a := r.await(detector.Resolved); a.Verdict.ID != confirmed.Verdict.ID; {
		a = r.await(detector.Resolved)
	}
	return last, suspected, confirmed
}
