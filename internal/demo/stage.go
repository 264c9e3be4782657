package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/sidecar"
)

const (
	// startTime is how long the processes of a system may take to start.
	startTime = 15 * time.Second
	// hearing is two heartbeats of the agents: by then, the detector has
	// heard of all of them, whichever was first.
	hearing = time.Second
)

// Stage is where a system runs, with or without the detector, and where what
// it does is noted. Its methods may be called from many goroutines.
type Stage struct {
	demo     *demo
	watched  bool
	recorder *recorder
	life     context.Context //nolint:containedctx // of the parts: they outlive the scene that starts them
	all      *errgroup.Group
	detector atomic.Pointer[httpapi.System] // nil until it runs
}

// onStage gives an act its stage and plays it. The context of play ends early,
// with the reason, when a part of the system fails. When it has returned, all
// that was started is gone.
func (d *demo) onStage(ctx context.Context, watched bool, play func(context.Context, *Stage) error) error {
	if err := d.sweep(); err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	s := &Stage{demo: d, watched: watched, recorder: newRecorder(d.narrator), life: ctx, all: all}
	all.Go(func() error {
		defer stop()
		return play(ctx, s)
	})
	if watched {
		all.Go(func() error { return s.runDetector(ctx) })
	}
	err := all.Wait()
	_ = d.sweep() // an untidy broker is no reason to fail: the queues expire
	return err
}

// runDetector runs the sidecar, whose announcements go to the recorder.
func (s *Stage) runDetector(ctx context.Context) error {
	d := s.demo
	return sidecar.Run(ctx, sidecar.Config{
		URL: d.URL, Dial: d.Dial, MustConnect: true, Listen: d.Listen, Log: d.Log, OnVerdict: s.recorder.announced,
		Serving: func(system httpapi.System) { s.detector.Store(&system) },
	})
}

// Queue returns how many processes waitgraph shows to wait for what has this
// name: a queue, a lock. It is 0 where nobody watches.
func (s *Stage) Queue(ctx context.Context, name string) (n int, err error) {
	system := s.detector.Load()
	if system == nil {
		return 0, ctx.Err()
	}
	snapshot, _, err := (*system).Graph(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for the graph: %w", err)
	}
	for i := range snapshot.Processes {
		for _, w := range snapshot.Processes[i].Waits {
			if w.Destination.Key == name || string(w.Resource) == name {
				n++
			}
		}
	}
	return n, nil
}

// Go runs a part of the system until the stage ends or the part is stopped.
// The name is that of its service, for waitgraph. A part that fails otherwise
// ends the demo with its error.
func (s *Stage) Go(name string, run func(ctx context.Context, p *Part) error) *Part {
	ctx, cancel := context.WithCancel(s.life)
	p := s.demo.newPart(func(format string, args ...any) { s.Happened("", fmt.Sprintf(format, args...)) })
	p.cancel, p.done = cancel, make(chan struct{})
	s.all.Go(func() error {
		defer close(p.done)
		defer cancel()
		if s.watched {
			stop, err := p.watch(ctx, name)
			if err != nil {
				return err
			}
			defer stop()
		}
		if err := run(ctx, p); ctx.Err() == nil && !p.killed.Load() {
			return err
		}
		return nil
	})
	return p
}

func (d *demo) newPart(say func(string, ...any)) *Part {
	n := newNetwork(d.Dial)
	return &Part{URL: d.URL, Dial: n.Dial, TracerProvider: d.tracing, Log: d.Log, Say: say, network: n}
}

// Started notes that a process is there, perhaps again.
func (s *Stage) Started(process string) { s.recorder.started(process) }

// Calling notes that a process begins to wait for something, by its name. What
// it returns is to be called when the wait ends, with its error.
func (s *Stage) Calling(process, what string) (ended func(error)) {
	return s.recorder.calling(process, what)
}

// Crashed notes that a process crashed, and why. It is expected to start again.
func (s *Stage) Crashed(process string, cause error) { s.recorder.crashed(process, cause) }

// Happened notes anything else that the system does, and tells it. The process
// may be empty.
func (s *Stage) Happened(process, text string) { s.recorder.happened(process, text) }

// Result notes in a few words what came of the scene, for the table.
func (s *Stage) Result(format string, args ...any) {
	s.recorder.note(func(time.Duration) { s.recorder.result = fmt.Sprintf(format, args...) })
}

// Ask makes a process ask for something, and notes what it got. A request that
// fails is no error of Ask, which has one only when the stage ends.
func (s *Stage) Ask(ctx context.Context, process, request string, ask func(context.Context) (answer string, err error)) error {
	began := time.Now()
	answer, err := ask(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c := Call{Process: process, Request: request, Answer: answer, Took: Seconds(time.Since(began))}
	if err != nil {
		c.Answer, c.Error = "", err.Error()
	}
	s.recorder.called(c)
	return nil
}

// Complete waits until each of the processes has started.
func (s *Stage) Complete(ctx context.Context, processes ...string) error {
	waitCtx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var missing []string
	err := s.recorder.await(waitCtx, func() bool {
		missing = slices.DeleteFunc(slices.Clone(processes), func(p string) bool { return s.recorder.starts[p] > 0 })
		return len(missing) == 0
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%d processes did not start within %v, among them %s: do others use their names on this broker?",
			len(missing), startTime, missing[0])
	}
	return err
}

// Lives waits until a process has started so many times since the system was
// built, but not longer than a system may take to start.
func (s *Stage) Lives(ctx context.Context, process string, n int) error {
	return s.within(ctx, startTime, func() bool { return s.recorder.starts[process] >= n })
}

// Until waits until what has happened in the scene so far fulfills the
// condition, but not longer than limit: it is for the checks to say what did
// not happen. The error is that of ctx.
func (s *Stage) Until(ctx context.Context, limit time.Duration, condition func(p *Phase) bool) error {
	return s.within(ctx, limit, func() bool {
		p := new(Phase)
		s.recorder.copyTo(p)
		return condition(p)
	})
}

// Settle waits until nobody waits, whoever crashed is back and the detector
// has closed the case: the last timeouts, the restarts and the end of the
// verdicts may take as long as two timeouts.
func (s *Stage) Settle(ctx context.Context) error {
	limit := 2 * s.demo.example.Timeout
	return errors.Join(s.within(ctx, limit, s.recorder.idle), s.within(ctx, limit, s.recorder.settled))
}

func (s *Stage) within(ctx context.Context, limit time.Duration, condition func() bool) error {
	waitCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_ = s.recorder.await(waitCtx, condition)
	return ctx.Err()
}

// heard waits until the detector can have heard of everybody.
func (s *Stage) heard(ctx context.Context) error {
	if !s.watched {
		return ctx.Err()
	}
	select {
	case <-time.After(hearing):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// showProgress tells who waits until the returned function is called.
func (s *Stage) showProgress(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.recorder.progress(ctx, s.demo.example.Timeout)
	}()
	return func() {
		cancel()
		<-done
	}
}
