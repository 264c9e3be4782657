package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/tracing"
)

// Those who wait for a lock get it one at a time, in the order in which they
// came, from whatever node.
func TestLockIsFair(t *testing.T) {
	everywhere(t, func(w *world) {
		agent, err := tracing.New(tracing.Config{Service: "fair"})
		w.must(err)
		defer agent.Close()
		var hosts []*host
		for _, name := range []string{"n1", "n2", "n3"} {
			cfg := w.config(name)
			cfg.Agent = agent
			hosts = append(hosts, w.start(cfg))
		}
		first := w.spawn(hosts[0], "first")
		_, err = first.SetLock(w.Context(), "a")
		w.must(err)

		var mu sync.Mutex
		var order, want []string
		var waiters sync.WaitGroup
		for i := range 6 {
			p := w.spawn(hosts[i%3], fmt.Sprintf("p%d", i))
			want = append(want, p.PID().Name)
			waiters.Go(func() {
				err := p.Trans(w.Context(), "a", func(context.Context) error {
					mu.Lock()
					defer mu.Unlock()
					order = append(order, p.PID().Name)
					return nil
				})
				if err != nil {
					w.Error(err)
				}
			})
			w.until("it waits", func() bool { return locksAwaited(agent) == i+1 })
		}
		w.must(first.DelLock("a"))
		waiters.Wait()
		if !slices.Equal(order, want) {
			w.Errorf("order %v, want %v", order, want)
		}
	})
}

// locksAwaited returns how many wait for a lock.
func locksAwaited(agent *tracing.Agent) (n int) {
	for _, s := range agent.Answer(report.Question{Everything: true}).States {
		for _, wait := range s.Waits {
			if wait.Kind == report.Lock {
				n++
			}
		}
	}
	return n
}

func TestLockRefusals(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2")
		p, q := w.spawn(hosts[0], "p"), w.spawn(hosts[1], "q")
		_, err := p.SetLock(w.Context(), "a")
		w.must(err)
		_, err = p.SetLock(w.Context(), "a")
		w.wants("set twice", err, cluster.ErrHeld)
		w.wants("deleted by a stranger", q.DelLock("a"), cluster.ErrNotHolder)
		w.wants("never set", p.DelLock("b"), cluster.ErrNotHolder)
		_, err = p.SetLock(w.Context(), strings.Repeat("k", 101))
		w.wants("a key too long", err, cluster.ErrInvalid)
		_, err = p.SetLock(w.Context(), "a\nb")
		w.wants("a key not fit to print", err, cluster.ErrInvalid)

		soon, cancel := context.WithTimeout(w.Context(), 100*time.Millisecond)
		defer cancel()
		_, err = q.SetLock(soon, "a")
		w.wants("in vain", err, context.DeadlineExceeded)
		w.wants("after having waited in vain", q.DelLock("a"), cluster.ErrNotHolder)
		w.must(p.DelLock("a"))
		_, err = q.SetLock(w.Context(), "a")
		w.must(err)
		q.Stop()
		_, err = q.SetLock(w.Context(), "b")
		w.wants("set by a process that has ended", err, cluster.ErrStopped)
	})
}

// A lock goes to the next when its holder stops, panics, or its node is cut off
// or stops.
func TestLockOfTheDead(t *testing.T) {
	everywhere(t, func(w *world) {
		for name, kill := range map[string]func(h *host, p *cluster.Process){
			"stop": func(_ *host, p *cluster.Process) { p.Stop() },
			"panic": func(h *host, p *cluster.Process) {
				_, err := h.Ask(w.Context(), p.PID().Address, []byte("panic"))
				w.wants("asked to panic", err, cluster.ErrNoProcess)
			},
			"cut":  func(h *host, _ *cluster.Process) { h.network.Cut() },
			"down": func(h *host, _ *cluster.Process) { h.Stop() },
		} {
			survivor, victim := w.start(w.config("survivor")), w.start(w.config("victim-"+name))
			w.sees(survivor, "survivor", "victim-"+name)
			w.sees(victim, "survivor", "victim-"+name)
			p, err := victim.Spawn(w.Context(), "p", func(context.Context, *cluster.Process, []byte) ([]byte, error) { panic("on purpose") })
			w.must(err)
			w.until("the process is announced", func() bool {
				_, err := victim.Call(w.Context(), "survivor", "none", nil)
				return errors.Is(err, cluster.ErrNoOp)
			})
			first, err := p.SetLock(w.Context(), name)
			w.must(err)
			q := w.spawn(survivor, "q")
			waited := make(chan *cluster.Lock, 1)
			go func() {
				l, err := q.SetLock(w.Context(), name)
				if err != nil {
					w.Error(err)
				}
				waited <- l
			}()
			time.Sleep(50 * time.Millisecond)
			select {
			case <-waited:
				w.Errorf("%s: two hold the lock", name)
			default:
			}
			kill(victim, p)
			if second := <-waited; second.Incarnation <= first.Incarnation {
				w.Errorf("%s: incarnations %d, then %d", name, first.Incarnation, second.Incarnation)
			}
			<-first.Lost()
			survivor.Stop()
			victim.network.Mend()
			victim.Stop()
		}
	})
}

// Who is in the middle of a transaction when the connection breaks learns of it,
// and the lock can be had again.
func TestLockIsLostInTransaction(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2")
		p, q := w.spawn(hosts[0], "p"), w.spawn(hosts[1], "q")
		err := p.Trans(w.Context(), "a", func(ctx context.Context) error {
			hosts[0].network.Drop()
			<-ctx.Done()
			return context.Cause(ctx)
		})
		w.wants("transaction", err, cluster.ErrLockLost)
		for _, p := range []*cluster.Process{p, q, p} {
			ran := false
			w.must(p.Trans(w.Context(), "a", func(context.Context) error { ran = true; return nil }))
			if !ran {
				w.Error("the transaction did not run")
			}
		}
		want := errors.New("mine")
		w.wants("error", p.Trans(w.Context(), "a", func(context.Context) error { return want }), want)
		w.wants("after the transaction", p.DelLock("a"), cluster.ErrNotHolder)
	})
}

// While connections are cut at random, no two hold a lock on the same broker
// without one of them having been told.
func TestLockUnderCuts(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3")
		var mu sync.Mutex
		var inside *cluster.Lock
		var done sync.WaitGroup
		rounds := 0
		for i, h := range hosts {
			p := w.spawn(h, "p")
			done.Go(func() {
				for range 10 {
					l, err := p.SetLock(w.Context(), "a")
					if err != nil {
						w.Errorf("%s: %v (%v)", h.Name(), err, p.Err())
						return
					}
					mu.Lock()
					if inside != nil {
						<-inside.Lost()
					}
					inside = l
					if rounds++; rounds%4 == i {
						h.network.Drop()
					}
					mu.Unlock()
					if err := p.DelLock("a"); err != nil && !errors.Is(err, cluster.ErrLockLost) {
						w.Errorf("%s: %v", h.Name(), err)
					}
				}
			})
		}
		done.Wait()
		if rounds != 30 {
			w.Errorf("%d rounds", rounds)
		}
	})
}
