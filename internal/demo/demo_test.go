package demo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inBubble runs a test in virtual time on an embedded broker.
func inBubble(t *testing.T, test func(t *testing.T, cfg Config)) {
	synctest.Test(t, func(t *testing.T) {
		b := minibroker.New()
		defer b.Close()
		test(t, Config{URL: "amqp://guest:guest@embedded/", Dial: b.Dial, Out: new(bytes.Buffer)})
	})
}

// A broker without anybody behind it is one clear sentence.
func TestUnreachableBroker(t *testing.T) {
	_, err := Run(t.Context(), oneScene(nil), Config{URL: "amqp://guest:secret@127.0.0.1:1/", Out: new(bytes.Buffer)})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("Run = %v", err)
	}
}

// oneScene is an example of one bare act with one scene.
func oneScene(play func(context.Context, *Stage) error, expect ...Check) Example {
	build := func(context.Context, *Stage) (struct{}, error) { return struct{}{}, nil }
	return Example{Name: "test", Timeout: 5 * time.Second, Queues: []string{"test.shared"}, Acts: []Act{
		NewAct(Bare, build, Scene[struct{}]{
			Name: "only", Expect: expect,
			Play: func(ctx context.Context, s *Stage, _ struct{}) error { return play(ctx, s) },
		}),
	}}
}

// What a scene notes is what its checks and the result see.
func TestSceneIsRecorded(t *testing.T) {
	inBubble(t, func(t *testing.T, cfg Config) {
		r, err := Run(t.Context(), oneScene(func(ctx context.Context, s *Stage) error {
			s.Started("worker")
			ended := s.Calling("worker", "lock")
			time.Sleep(time.Second)
			ended(context.DeadlineExceeded)
			s.Crashed("worker", context.DeadlineExceeded)
			s.Happened("worker", "says goodbye")
			s.Started("worker")
			s.Result("%d crash", 1)
			return errors.Join(s.Settle(ctx),
				s.Ask(ctx, "caller", "sum(1, 2)", func(context.Context) (string, error) { return "3", nil }),
				s.Ask(ctx, "caller", "sum(x)", func(context.Context) (string, error) { return "", errors.New("x is no number") }))
		}, Answer("sum(1, 2)", "3"), Refusal("sum(x)", "no number"), Once("says goodbye"), Crashes("worker"), OwnTimeouts(time.Second), Silence), cfg)
		if err != nil || !r.Passed {
			t.Fatalf("Run = %v\n%s", err, cfg.Out)
		}
		p := r.Phases[0]
		if p.Result != "1 crash" || len(p.Waits) != 1 || p.Waits[0].Outcome != TimedOut || p.Waits[0].To != Seconds(time.Second) {
			t.Errorf("recorded: %+v", p)
		}
	})
}

// A part that fails ends the demo with its error; one that is stopped does not.
func TestPartFails(t *testing.T) {
	inBubble(t, func(t *testing.T, cfg Config) {
		broken := errors.New("broken")
		_, err := Run(t.Context(), oneScene(func(ctx context.Context, s *Stage) error {
			stopped := s.Go("good", func(ctx context.Context, _ *Part) error {
				<-ctx.Done()
				return broken
			})
			stopped.Stop()
			if ctx.Err() != nil {
				t.Error("the stage ended with a part that was told to stop")
			}
			s.Go("bad", func(context.Context, *Part) error { return broken })
			<-ctx.Done()
			return ctx.Err()
		}), cfg)
		if !errors.Is(err, broken) {
			t.Errorf("Run = %v, want %v", err, broken)
		}
	})
}

// A part that was killed can reach nobody any more; one whose connections were
// cut can.
func TestKillAndCut(t *testing.T) {
	inBubble(t, func(t *testing.T, cfg Config) {
		_, err := Run(t.Context(), oneScene(func(_ context.Context, s *Stage) error {
			ready := make(chan struct{})
			p := s.Go("victim", func(ctx context.Context, p *Part) error {
				conn, err := p.Connect(ctx, "victim")
				if err != nil {
					return err
				}
				defer conn.Close()
				close(ready)
				<-ctx.Done()
				return nil
			})
			<-ready
			if n := p.network.count(); n != 2 {
				t.Errorf("%d connections, want 2", n)
			}
			p.Cut()
			time.Sleep(time.Second)
			if n := p.network.count(); n != 2 {
				t.Errorf("%d connections a second after they were cut, want 2", n)
			}
			p.Kill()
			if _, err := p.Dial("tcp", "embedded"); !errors.Is(err, errDown) || p.network.count() != 0 {
				t.Errorf("Dial = %v, %d connections", err, p.network.count())
			}
			return nil
		}), cfg)
		if err != nil {
			t.Error(err)
		}
	})
}

func (n *network) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.conns)
}

// An example refuses to go where its system is running.
func TestOccupiedBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, cfg Config) {
		d := newDemo(oneScene(nil), cfg.withDefaults())
		conn, err := d.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ch, err := conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ch.QueueDeclare("test.shared", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ch.Consume("test.shared", "", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), d.example, cfg); err == nil || !strings.Contains(err.Error(), "test.shared") {
			t.Errorf("Run = %v", err)
		}
	})
}
