package amqprpc_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

func TestGather(t *testing.T) {
	for _, test := range []struct {
		name   string
		need   int
		bodies []string // "fail" is answered with an error, "never" not at all
		fails  bool
		ok     int // how many calls succeed
	}{
		{"all", tracing.All, []string{"a", "b", "c"}, false, 3},
		{"all but one fails", tracing.All, []string{"never", "fail", "never"}, true, 0},
		{"any", tracing.Any, []string{"never", "a", "never"}, false, 1},
		{"any, and one fails", tracing.Any, []string{"fail", "a", "never"}, false, 1},
		{"any, and each fails", tracing.Any, []string{"fail", "fail"}, true, 0},
		{"two of three", 2, []string{"a", "never", "c"}, false, 2},
		{"two of three, and two fail", 2, []string{"fail", "fail", "never"}, true, 0},
		{"none of none", tracing.All, nil, true, 0},
		{"more than there are", 2, []string{"a"}, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				conn := w.connect(w.config())
				w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Prefetch: 10, PerRequest: true, Handler: answerAsTold})
				var calls []amqprpc.Call
				for _, body := range test.bodies {
					calls = append(calls, amqprpc.Call{Key: w.queue("q"), Body: []byte(body), Timeout: -1})
				}
				results, err := conn.Gather(w.Context(), test.need, calls...)
				if (err != nil) != test.fails {
					w.Errorf("error %v", err)
				}
				ok := 0
				for i, r := range results {
					switch body := test.bodies[i]; {
					case r.Err == nil && string(r.Reply.Body) == body:
						ok++
					case body == "never" && !errors.Is(r.Err, context.Canceled):
						w.Errorf("loser %d ended with %v", i, r.Err)
					}
				}
				if ok != test.ok {
					w.Errorf("%d calls succeeded, want %d: %v", ok, test.ok, results)
				}
			})
		})
	}
}

func answerAsTold(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
	switch string(r.Body) {
	case "fail":
		return nil, errBroken
	case "never":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return r.Body, nil
}

// A remote error is a reply. But those that are given up for it were not granted.
func TestGatherGivesUpWhatIsOpen(t *testing.T) {
	for _, test := range []struct {
		bodies []string
		ended  report.Cause
	}{
		{[]string{"never", "fail"}, report.Cancelled},
		{[]string{"fail"}, report.Granted},
	} {
		everywhere(t, func(w *world) {
			agent := newAgent(w)
			conn := w.connect(w.observed(agent))
			release := make(chan struct{})
			handler := func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
				if string(r.Body) == "fail" {
					<-release
				}
				return answerAsTold(ctx, r)
			}
			w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Prefetch: 10, PerRequest: true, Handler: handler})
			caller := agent.Process("caller")
			caller.Hold(report.Lock, "lock") // which makes its wait reported
			var calls []amqprpc.Call
			for _, body := range test.bodies {
				calls = append(calls, amqprpc.Call{Key: w.queue("q"), Body: []byte(body), Timeout: -1})
			}
			done := make(chan error)
			go func() {
				_, err := conn.Gather(tracing.WithProcess(w.Context(), caller), tracing.All, calls...)
				done <- err
			}()
			for len(process(reported(agent), "caller").Waits) == 0 {
				<-agent.Wake()
			}
			close(release)
			if remote := new(amqprpc.RemoteError); !errors.As(<-done, &remote) {
				w.Error("no remote error")
			}
			if s := process(reported(agent), "caller"); s.Ended == nil || s.Ended.Cause != test.ended {
				w.Errorf("%v: afterwards the caller is %+v", test.bodies, s)
			}
		})
	}
}

// Whoever gives up several calls gives them up at once: he never seems to wait for
// some of them alone.
func TestGatherGivesUpAtOnce(t *testing.T) {
	everywhere(t, func(w *world) {
		agent := newAgent(w)
		conn := w.connect(w.observed(agent))
		w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Prefetch: 1000, PerRequest: true, Handler: answerAsTold})
		caller := agent.Process("caller")
		caller.Hold(report.Lock, "lock") // which makes his waits matter
		call := amqprpc.Call{Key: w.queue("q"), Body: []byte("never"), Timeout: -1}
		var watching sync.WaitGroup
		end := make(chan struct{})
		watching.Go(func() {
			for {
				select {
				case <-agent.Wake():
					if n := len(process(reported(agent), "caller").Waits); n != 0 && n != 3 {
						w.Errorf("he waits for %d", n)
					}
				case <-end:
					return
				}
			}
		})
		for range 100 {
			ctx, cancel := context.WithCancel(tracing.WithProcess(w.Context(), caller))
			time.AfterFunc(time.Millisecond, cancel)
			if _, err := conn.Gather(ctx, tracing.Any, call, call, call); !errors.Is(err, context.Canceled) {
				w.Error(err)
			}
		}
		close(end)
		watching.Wait()
	})
}
