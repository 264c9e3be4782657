package amqprpc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// process returns the latest state that an agent reports of a process, or of
// the one whose name begins so.
func process(states []report.State, name string) (latest report.State) {
	for _, s := range states {
		if strings.HasPrefix(s.Key.Process, name) {
			latest = s
		}
	}
	return latest
}

// The request that comes back to its own process closes the circle, and is
// seen at once although the process is busy.
func TestCircleIsClosedInBand(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn := w.connect(w.observed(agent))
		serve := func(name, next string) {
			w.serve(conn, amqprpc.Server{
				Queue: w.queue(name), Process: agent.Process(name), Prefetch: 10,
				Handler: func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
					_, err := conn.Call(ctx, amqprpc.Call{Key: w.queue(next), Timeout: time.Hour})
					return nil, err
				},
			})
		}
		serve("a", "b")
		serve("b", "a")
		ctx, cancel := context.WithCancel(tracing.WithProcess(w.Context(), agent.Process("caller")))
		done := make(chan error)
		go func() {
			_, err := conn.Call(ctx, amqprpc.Call{Key: w.queue("a"), Timeout: time.Hour})
			done <- err
		}()
		var a report.State
		i := -1 // of the hold that closes the circle
		for i < 0 {
			<-agent.Wake() // perhaps earlier, on a machine on which that takes long
			a = process(reported(agent), "a")
			i = slices.IndexFunc(a.Holds, func(h report.Hold) bool { return h.Closes })
		}
		if agent.Stats().Closed != 1 || len(a.Waits) != 1 || len(a.Holds) != 2 {
			w.Fatalf("%d circles, a is %+v", agent.Stats().Closed, a)
		}
		var chain []string
		for _, hop := range a.Holds[i].Chain {
			chain = append(chain, hop.Key.Process)
		}
		// The caller is not in it: nobody could ever wait for that.
		if got := strings.Join(chain, " "); got != "a b" || !a.Holds[i].Queued {
			w.Errorf("chain %q, hold %+v", got, a.Holds[i])
		}
		if d := a.Waits[0].Destination; d.Key != w.queue("b") || a.Waits[0].Deadline.IsZero() {
			w.Errorf("a waits for %+v", a.Waits[0])
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.Error(err)
		}
	})
}

// What is over before it could interest anybody is not reported, however it
// ended; nothing is left behind.
func TestUncontendedCallsAreNotReported(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn := w.connect(w.observed(agent))
		w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Handler: answerAsTold})
		slow := 0 // calls that are long enough to be reported, on a machine that is busy
		call := func(queue, body string) error {
			began := time.Now()
			_, err := w.call(conn, w.queue(queue), body)
			if time.Since(began) >= reportAfter {
				slow++
			}
			return err
		}
		for range 20 {
			if err := call("q", "ok"); err != nil {
				w.Fatal(err)
			}
			if err := call("q", "fail"); err == nil {
				w.Fatal("no error")
			}
			if err := call("nobody", ""); !errors.Is(err, amqprpc.ErrUnroutable) {
				w.Fatal(err)
			}
		}
		if slow > 0 && w.Embedded == nil {
			reported(agent)
		} else if n := agent.Stats().States; n != 0 {
			w.Errorf("%d states are reported, and %d calls are slow", n, slow)
		}
		if s := agent.Stats(); s.Dirty != 0 || s.Blocked != 0 || s.Breaches != 0 || s.Processes != 1 {
			w.Errorf("stats %+v", s)
		}
	})
}

// reportAfter is how long a wait must last to be reported without contention.
const reportAfter = 50 * time.Millisecond

func TestGatherIsOneWait(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn := w.connect(w.observed(agent))
		w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Prefetch: 10, PerRequest: true, Handler: answerAsTold})
		ctx, cancel := context.WithCancel(tracing.WithProcess(w.Context(), agent.Process("caller")))
		var calls []amqprpc.Call
		for _, body := range []string{"answer", "fail", "never", "never", "never"} {
			calls = append(calls, amqprpc.Call{Key: w.queue("q"), Body: []byte(body), Timeout: -1})
		}
		done := make(chan error)
		go func() { _, err := conn.Gather(ctx, 3, calls...); done <- err }()
		var caller report.State
		for len(caller.Waits) != 3 {
			<-agent.Wake()
			if s := process(reported(agent), "caller"); s.Seq != 0 {
				caller = s
			}
		}
		if caller.Need != 2 {
			w.Errorf("the caller needs %d of %d", caller.Need, len(caller.Waits))
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.Error(err)
		}
		if s := process(reported(agent), "caller"); len(s.Waits) != 0 || s.Ended == nil || s.Ended.Cause != report.Cancelled {
			w.Errorf("afterwards the caller is %+v", s)
		}
	})
}

// A pool whose workers all wait for requests to the pool itself: its server
// waits for any of them.
func TestExhaustedPoolWaitsForItsWorkers(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn, queue := w.connect(w.observed(agent)), w.queue("pool")
		pool := agent.Process("pool")
		nested := func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
			_, err := conn.Call(ctx, amqprpc.Call{Key: queue, Timeout: -1})
			return nil, err
		}
		w.serve(conn, amqprpc.Server{Queue: queue, Process: pool, Prefetch: 2, PerRequest: true, Handler: nested})
		ctx, cancel := context.WithCancel(w.Context())
		done := make(chan error)
		go func() {
			_, err := conn.Call(ctx, amqprpc.Call{Key: queue, Timeout: -1})
			done <- err
		}()
		workers := make(map[string]report.State)
		var server report.State
		for len(server.Waits) == 0 || len(workers) < 2 {
			<-agent.Wake()
			for _, s := range reported(agent) {
				switch {
				case s.Key.Process == "pool":
					server = s
				case strings.HasPrefix(s.Key.Process, queue) && len(s.Waits) > 0:
					workers[s.Key.Process] = s
				}
			}
		}
		if server.Need != 1 || len(server.Waits) != 1 || server.Waits[0].Kind != report.Permit {
			w.Errorf("server %+v", server)
		}
		for _, s := range workers {
			if !slices.ContainsFunc(s.Holds, func(h report.Hold) bool { return h.Resource == server.Waits[0].Resource }) {
				w.Errorf("worker %+v holds no permit", s)
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.Error(err)
		}
	})
}

// When the connection goes, so does what was owed over it, although the handler
// is still stuck: the broker gives the requests to somebody else.
func TestLostChannelDropsHolds(t *testing.T) {
	everywhere(t, func(w *world) {
		agent, queue := newAgent(w), w.queue("q")
		cfg, network := w.through(w.observed(agent))
		server, client := w.connect(cfg), w.connect(w.observed(agent))
		stuck, release := make(chan struct{}), make(chan struct{})
		w.serve(server, amqprpc.Server{
			Queue: queue, Process: agent.Process("server"), Prefetch: 2,
			Handler: func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
				wait := agent.Block(ctx, tracing.Any, tracing.Wait{Kind: report.Lock, Resource: "lock"})
				defer wait.End(report.Cancelled)
				close(stuck)
				<-release
				return nil, nil
			},
		})
		var calls sync.WaitGroup
		ctx, cancel := context.WithCancel(w.Context())
		call := func() { _, _ = client.Call(ctx, amqprpc.Call{Key: queue, Timeout: -1}) }
		calls.Go(call)
		<-stuck
		calls.Go(call)
		key := keyOf(agent, "server")
		holds := func() int {
			b := agent.Answer(report.Question{Round: 1, Processes: []report.Key{key}})
			return len(process(b.States, "server").Holds)
		}
		w.until("both requests are held", func() bool { return holds() == 2 })
		network.Cut()
		w.until("neither is", func() bool { return holds() == 0 })
		cancel()
		close(release)
		calls.Wait()
	})
}

// keyOf finds a process by its membership, which a heartbeat tells.
func keyOf(agent *tracing.Agent, name string) report.Key {
	for _, m := range agent.Heartbeat().Heartbeat.Members {
		if m.Key.Process == name {
			return m.Key
		}
	}
	return report.Key{}
}

// A server is told of a request before its agent is, while the process waits in
// the midst of another one.
func TestReceivedComesBeforeTheDebt(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn, queue := w.connect(w.observed(agent)), w.queue("q")
		server := agent.Process("server")
		begun, release := make(chan struct{}, 2), make(chan struct{})
		received := make(chan int, 2)
		w.serve(conn, amqprpc.Server{
			Queue: queue, Process: server, Prefetch: 2,
			Received: func(r *amqprpc.Request) {
				b := agent.Answer(report.Question{Round: 1, Processes: []report.Key{keyOf(agent, "server")}})
				received <- len(process(b.States, "server").Holds)
				if string(r.Body) != "ask" {
					w.Errorf("received %q", r.Body)
				}
			},
			Handler: func(ctx context.Context, _ *amqprpc.Request) ([]byte, error) {
				wait := agent.Block(ctx, tracing.Any, tracing.Wait{Kind: report.Lock, Resource: "lock"})
				defer wait.End(report.Granted)
				begun <- struct{}{}
				<-release
				return nil, nil
			},
		})
		var calls sync.WaitGroup
		for want := range 2 {
			calls.Go(func() {
				if _, err := conn.Call(w.Context(), amqprpc.Call{Key: queue, Body: []byte("ask")}); err != nil {
					w.Error(err)
				}
			})
			if got := <-received; got != want {
				w.Errorf("it owed %d replies by then, want %d", got, want)
			}
			if want == 0 {
				<-begun
			}
		}
		close(release)
		calls.Wait()
	})
}
