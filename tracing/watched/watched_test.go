package watched_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one agent in a bubble.
type world struct {
	*testing.T
	agent *tracing.Agent
}

func inBubble(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		a, err := tracing.New(tracing.Config{Service: "test", Instance: "i"})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		test(&world{t, a})
	})
}

func (w *world) process(name string) (*tracing.Process, context.Context) {
	p := w.agent.Process(name)
	return p, tracing.WithProcess(w.Context(), p)
}

// reported returns, by process, what was reported since it was last asked for.
func (w *world) reported() map[string]report.State {
	states := make(map[string]report.State)
	for _, s := range w.agent.Collect(1000).States {
		states[s.Key.Process] = s
	}
	return states
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("got %v, want %v", err, want)
	}
}

func (w *world) silent() {
	w.Helper()
	if s := w.reported(); len(s) > 0 {
		w.Errorf("reported %v", s)
	}
}

func TestUncontendedIsSilent(t *testing.T) {
	inBubble(t, func(w *world) {
		p, ctx := w.process("p")
		m, s, c := watched.NewMutex("m"), watched.NewSemaphore("s", 2), watched.NewChan[int]("c", 1)
		in, err := c.Sender(p)
		w.must(err)
		out, err := c.Receiver(p)
		w.must(err)
		w.must(m.Lock(ctx))
		w.must(s.Acquire(ctx))
		w.must(in.Send(ctx, 1))
		if v, err := out.Receive(ctx); v != 1 || err != nil {
			t.Errorf("received %d, %v", v, err)
		}
		w.must(s.Release(ctx))
		w.must(m.Unlock(ctx))
		time.Sleep(time.Second)
		w.silent()
	})
}

func TestWithoutProcess(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx := w.Context()
		m := watched.NewMutex("m")
		w.must(m.Lock(ctx))
		done := make(chan error)
		go func() { done <- m.Lock(ctx) }()
		synctest.Wait()
		w.must(m.Unlock(ctx))
		w.must(<-done)
		w.must(m.Unlock(ctx))
		w.want(m.Unlock(ctx), watched.ErrNotHeld)
	})
}

func TestContentionIsReportedAtOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		_, p := w.process("p")
		_, q := w.process("q")
		a, b := watched.NewMutex("a"), watched.NewMutex("b")
		w.must(a.Lock(p))
		w.must(b.Lock(q))
		p, give := context.WithCancelCause(p)
		done := make(chan error, 2)
		go func() { done <- b.Lock(p) }()
		synctest.Wait()
		go func() { done <- a.Lock(q) }()
		synctest.Wait()
		states := w.reported()
		for name, want := range map[string][2]report.Resource{"p": {"b", "a"}, "q": {"a", "b"}} {
			s := states[name]
			if len(s.Waits) != 1 || s.Waits[0].Resource != want[0] || s.Waits[0].Holders != 1 ||
				len(s.Holds) != 1 || s.Holds[0].Resource != want[1] {
				t.Errorf("%s: %+v", name, s)
			}
		}
		stop := errors.New("enough")
		give(stop)
		w.want(<-done, stop)
		w.must(a.Unlock(p))
		w.must(<-done)
		for name, s := range w.reported() {
			if len(s.Waits)+len(s.Holds) > 0 {
				t.Errorf("%s is left with %+v", name, s)
			}
		}
	})
}

func TestStrangers(t *testing.T) {
	inBubble(t, func(w *world) {
		pp, p := w.process("p")
		_, q := w.process("q")
		m, s := watched.NewMutex("m"), watched.NewSemaphore("s", 2)
		w.must(m.Lock(p))
		w.want(m.Unlock(q), watched.ErrNotHeld)
		w.must(s.Acquire(p))
		w.want(s.Release(q), watched.ErrNotHeld)
		w.must(s.Release(p))
		w.want(s.Release(p), watched.ErrNotHeld)
		c := watched.NewChan[int]("c", 1)
		in, err := c.Sender(pp)
		w.must(err)
		_, err = c.Sender(pp)
		w.want(err, watched.ErrAttached)
		out, err := c.Receiver(pp)
		w.must(err)
		out.Detach()
		_, err = out.Receive(p)
		w.want(err, watched.ErrDetached)
		w.must(c.Close())
		w.want(c.Close(), watched.ErrClosed)
		w.want(in.Send(p, 1), watched.ErrClosed)
	})
}

// Those who wait are served in the order in which they came, also behind one
// that has given up.
func TestFirstComeFirstServed(t *testing.T) {
	inBubble(t, func(w *world) {
		s := watched.NewSemaphore("s", 1)
		w.must(s.Acquire(w.Context()))
		var order []int
		for i := range 5 {
			_, ctx := w.process("p")
			ctx, cancel := context.WithTimeout(ctx, time.Hour+time.Duration(i%2)*-time.Minute*59)
			defer cancel()
			go func() {
				if err := s.Acquire(ctx); err != nil {
					w.want(err, context.DeadlineExceeded)
					return
				}
				order = append(order, i)
				w.must(s.Release(ctx))
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Minute)
		w.must(s.Release(w.Context()))
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 2 || order[2] != 4 {
			t.Errorf("served in the order %v", order)
		}
	})
}

// A sender that waits vouches for the receivers. When their number changes, that
// begins another epoch.
func TestReceiversChange(t *testing.T) {
	inBubble(t, func(w *world) {
		p, ctx := w.process("p")
		q, _ := w.process("q")
		r, _ := w.process("r")
		c := watched.NewChan[error]("c", 1)
		in, err := c.Sender(p)
		w.must(err)
		_, err = c.Receiver(q)
		w.must(err)
		w.must(in.Send(ctx, nil))
		done := make(chan error)
		go func() { done <- in.Send(ctx, nil) }()
		synctest.Wait()
		before := w.reported()["p"]
		out, err := c.Receiver(r)
		w.must(err)
		after := w.reported()["p"]
		if before.Waits[0].Holders != 1 || after.Waits[0].Holders != 2 || after.Epoch <= before.Epoch {
			t.Errorf("first %+v, then %+v", before, after)
		}
		out.Detach()
		if last := w.reported()["p"]; last.Waits[0].Holders != 1 || last.Epoch <= after.Epoch {
			t.Errorf("at last %+v", last)
		}
		in.Detach()
		w.want(<-done, watched.ErrDetached)
	})
}

func TestChanKeepsOrder(t *testing.T) {
	for _, capacity := range []int{0, 1, 3} {
		inBubble(t, func(w *world) {
			c := watched.NewChan[int]("c", capacity)
			in, err := c.Sender(nil)
			w.must(err)
			out, err := c.Receiver(nil)
			w.must(err)
			go func() {
				for i := range 10 {
					w.must(in.Send(w.Context(), i))
				}
				w.must(c.Close())
			}()
			for i := range 10 {
				if i%4 == 0 {
					synctest.Wait()
				}
				if v, err := out.Receive(w.Context()); v != i || err != nil {
					// Close ends a send that waits, never one that was done.
					t.Errorf("capacity %d: received %d, %v, not %d", capacity, v, err, i)
				}
			}
			_, err = out.Receive(w.Context())
			w.want(err, watched.ErrClosed)
		})
	}
}

func TestIdleReceiverIsNoContention(t *testing.T) {
	inBubble(t, func(w *world) {
		p, ctx := w.process("p")
		c := watched.NewChan[int]("c", 1)
		in, err := c.Sender(nil)
		w.must(err)
		out, err := c.Receiver(p)
		w.must(err)
		got := make(chan int)
		go func() {
			v, err := out.Receive(ctx)
			w.must(err)
			got <- v
		}()
		time.Sleep(40 * time.Millisecond)
		w.must(in.Send(w.Context(), 7))
		if v := <-got; v != 7 {
			t.Errorf("received %d", v)
		}
		w.silent()
	})
}
