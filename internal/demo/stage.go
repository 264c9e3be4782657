package demo

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/services/compute"
)

const (
	// startTime is how long the system may take to start.
	startTime = 15 * time.Second
	// hearing is two heartbeats of the agents: by then, the detector has
	// heard of all of them, whichever was first.
	hearing = time.Second
	// settleTime is how long the end of a phase may take: the last timeouts,
	// the restarts and the end of the verdicts.
	settleTime = 2 * compute.DefaultTimeout
)

// placement pins the server processes: half of the IDs on either replica.
var placement = [...][]int64{1: ids(1, compute.MaxID/2), 2: ids(compute.MaxID/2+1, compute.MaxID)}

func ids(first, last int64) []int64 {
	var all []int64
	for id := first; id <= last; id++ {
		all = append(all, id)
	}
	return all
}

// stage is a running system, with or without the detector.
type stage struct {
	watched  bool
	recorder *recorder
	callers  map[string]*compute.Caller
	work     atomic.Pointer[workTime] // of the present phase
}

// onStage starts a system, hands it to body and stops it when body returns. The
// context of body ends early, with the reason, when a part of the system fails.
func (d *demo) onStage(ctx context.Context, watched bool, body func(context.Context, *stage) error) error {
	if err := d.sweep(); err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	s := &stage{watched: watched, recorder: newRecorder(d.narrator), callers: make(map[string]*compute.Caller)}
	all.Go(func() error {
		defer stop()
		if err := d.start(ctx, all, s); err != nil {
			return err
		}
		return body(ctx, s)
	})
	err := all.Wait()
	_ = d.sweep() // an untidy broker is no reason to fail: the queues expire
	return err
}

// start starts the parts of the system and waits until each process has taken
// its queue, and until the detector can have heard of all of them.
func (d *demo) start(ctx context.Context, all *errgroup.Group, s *stage) error {
	if s.watched {
		all.Go(func() error { return d.runDetector(ctx, s.recorder) })
	}
	for _, service := range []compute.Service{compute.A, compute.B} {
		for replica := 1; replica < len(placement); replica++ {
			all.Go(func() error { return d.runReplica(ctx, s, service, replica) })
		}
	}
	if err := d.startCallers(ctx, all, s); err != nil {
		return err
	}
	if err := s.complete(ctx); err != nil || !s.watched {
		return err
	}
	select {
	case <-time.After(hearing):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// complete waits until every process is there.
func (s *stage) complete(ctx context.Context) error {
	waitCtx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var missing []string
	err := s.recorder.await(waitCtx, func() bool {
		missing = slices.DeleteFunc(s.cast(), func(p string) bool { return s.recorder.starts[p] > 0 })
		return len(missing) == 0
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%d processes did not start within %v, among them %s: do others use their names on this broker?",
			len(missing), startTime, missing[0])
	}
	return err
}

// cast returns the names of all processes.
func (s *stage) cast() []string {
	var all []string
	for name := range s.callers {
		all = append(all, name)
	}
	for _, service := range []compute.Service{compute.A, compute.B} {
		for replica := 1; replica < len(placement); replica++ {
			all = append(all, service.Consumer(replica))
			for _, id := range placement[replica] {
				all = append(all, service.Server(id))
			}
		}
	}
	return all
}

// runReplica runs one replica, with an agent of its own if the stage is watched.
func (d *demo) runReplica(ctx context.Context, s *stage, service compute.Service, replica int) error {
	run := compute.Run
	if s.watched {
		run = compute.RunWatched
	}
	return run(ctx, compute.Config{
		Service: service, Replica: replica, URL: d.URL, Dial: d.Dial, IDs: placement[replica],
		Work:  func(id int64) time.Duration { return s.workTime(service, id) },
		Hooks: s.recorder.hooks(), Log: d.Log, TracerProvider: d.tracing,
	})
}

func (s *stage) workTime(service compute.Service, id int64) time.Duration {
	if work := s.work.Load(); work != nil && *work != nil {
		return (*work)(service, id)
	}
	return 0
}

// play does what the phase says and waits until it is over.
func (s *stage) play(ctx context.Context, p phase) error {
	s.work.Store(&p.work)
	s.recorder.begin()
	defer s.showProgress(ctx)()
	return p.play(ctx, s)
}

// ask makes a caller ask and notes what it got.
func (s *stage) ask(ctx context.Context, process string, service compute.Service, id int64) error {
	began := time.Now()
	answer, err := s.callers[process].Ask(ctx, service, id)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c := Call{Process: process, Service: string(service), ID: id, Answer: answer, Took: Seconds(time.Since(began))}
	if err != nil {
		c.Error = err.Error()
	}
	s.recorder.called(c)
	return nil
}

// afterwards waits until nobody waits, whoever crashed is back and the
// detector has closed the case, then asks for something healthy.
func (s *stage) afterwards(ctx context.Context) error {
	r := s.recorder
	if err := s.within(ctx, settleTime, r.idle); err != nil {
		return err
	}
	if err := s.within(ctx, settleTime, r.settled); err != nil {
		return err
	}
	return s.ask(ctx, caller, compute.A, 1)
}

// within waits for the condition, but not longer than d: it is for the checks
// to say what did not happen.
func (s *stage) within(ctx context.Context, d time.Duration, condition func() bool) error {
	waitCtx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_ = s.recorder.await(waitCtx, condition)
	return ctx.Err()
}

// showProgress tells who waits until the returned function is called.
func (s *stage) showProgress(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.recorder.progress(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
