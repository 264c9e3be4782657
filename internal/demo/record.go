package demo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// recorder notes what the system does, told by its own hooks, and what the
// detector says about it. Times are offsets from the start of the scene. It is
// safe for concurrent use.
type recorder struct {
	narrator *narrator

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever something is noted
	origin   time.Time     // when the scene started
	waits    []*Wait
	calls    []Call
	crashes  []Crash
	events   []Event
	result   string
	verdicts []Sighting
	starts   map[string]int // of each process, ever
	missing  map[string]int // crashed and not started again: starts before the crash
}

// Sighting is an announcement of the detector and when it arrived.
type Sighting struct {
	At   time.Duration // from the start of the scene
	time time.Time     // the same by the calendar
	detector.Announce
}

func (s Sighting) explain() explain.Verdict { return explain.Of(s.Verdict, s.time) }

func newRecorder(n *narrator) *recorder {
	return &recorder{
		narrator: n, changed: make(chan struct{}), origin: time.Now(),
		starts: make(map[string]int), missing: make(map[string]int),
	}
}

// begin forgets what the last scene did and starts the clock of the next.
func (r *recorder) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.origin = time.Now()
	r.waits, r.calls, r.crashes, r.events, r.result, r.verdicts = nil, nil, nil, nil, "", nil
}

// note changes the record under its lock and wakes whoever awaits a change.
func (r *recorder) note(change func(at time.Duration)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(time.Since(r.origin))
	close(r.changed)
	r.changed = make(chan struct{})
}

// await returns nil as soon as the record fulfils the condition, which is
// called under the lock, or the error of ctx.
func (r *recorder) await(ctx context.Context, condition func() bool) error {
	for {
		r.mu.Lock()
		fulfilled, changed := condition(), r.changed
		r.mu.Unlock()
		if fulfilled {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *recorder) started(process string) {
	r.note(func(time.Duration) {
		r.starts[process]++
		delete(r.missing, process)
	})
}

func (r *recorder) calling(process, what string) func(error) {
	w := &Wait{Process: process, For: what, Outcome: Waiting}
	r.note(func(at time.Duration) {
		w.From = Seconds(at)
		r.waits = append(r.waits, w)
	})
	return func(err error) {
		r.note(func(at time.Duration) {
			w.To, w.Outcome = Seconds(at), outcome(err)
		})
	}
}

func outcome(err error) Outcome {
	switch {
	case err == nil:
		return Answered
	case errors.Is(err, context.DeadlineExceeded):
		return TimedOut
	}
	return Failed
}

func (r *recorder) crashed(process string, cause error) {
	r.note(func(at time.Duration) {
		r.crashes = append(r.crashes, Crash{Process: process, At: Seconds(at), Cause: cause.Error()})
		r.missing[process] = r.starts[process]
		r.narrator.event(at, "%s crashed: %v", process, cause)
	})
}

func (r *recorder) happened(process, text string) {
	r.note(func(at time.Duration) {
		r.events = append(r.events, Event{Process: process, At: Seconds(at), Text: text})
		if process != "" {
			text = process + " " + text
		}
		r.narrator.event(at, "%s", text)
	})
}

func (r *recorder) called(c Call) {
	r.note(func(time.Duration) { r.calls = append(r.calls, c) })
}

// announced notes what the detector says, unless it is about somebody else's
// processes on the same broker.
func (r *recorder) announced(a detector.Announce) {
	r.note(func(at time.Duration) {
		if !slices.ContainsFunc(a.Verdict.Core, func(m detector.Member) bool { return r.starts[m.Key.Process] > 0 }) {
			return
		}
		s := Sighting{At: at, time: r.origin.Add(at), Announce: a}
		r.verdicts = append(r.verdicts, s)
		if !a.Again {
			r.narrator.verdict(at, s.explain())
		}
	})
}

// waiting returns how many waits stand and when the oldest of them began.
// The lock must be held.
func (r *recorder) waiting() (n int, since time.Duration) {
	for _, w := range r.waits {
		if w.Outcome != Waiting {
			continue
		}
		if n == 0 || time.Duration(w.From) < since {
			since = time.Duration(w.From)
		}
		n++
	}
	return n, since
}

// idle reports whether nobody waits and every process that crashed is back.
// The lock must be held.
func (r *recorder) idle() bool {
	n, _ := r.waiting()
	return n == 0 && len(r.missing) == 0
}

// settled reports whether every verdict has ended. The lock must be held.
func (r *recorder) settled() bool {
	last := make(map[string]detector.Status)
	for _, s := range r.verdicts {
		last[s.Verdict.ID] = s.Verdict.Status
	}
	for _, status := range last {
		if !status.Ended() {
			return false
		}
	}
	return true
}

// phase adds what was noted since begin to p, oldest first, and returns the
// announcements.
func (r *recorder) phase(p *Phase) []Sighting {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copyTo(p)
	return slices.Clone(r.verdicts)
}

// copyTo is phase without the announcements. The lock must be held.
func (r *recorder) copyTo(p *Phase) {
	for _, w := range r.waits {
		p.Waits = append(p.Waits, *w)
	}
	p.Calls, p.Crashes, p.Events = append(p.Calls, r.calls...), append(p.Crashes, r.crashes...), append(p.Events, r.events...)
	p.Result = r.result
}

// progress tells in steady steps who waits, until ctx ends.
func (r *recorder) progress(ctx context.Context, timeout time.Duration) {
	defer r.narrator.quiet()
	ticker := time.NewTicker(r.narrator.tick())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		r.mu.Lock()
		n, since := r.waiting()
		at := time.Since(r.origin)
		r.mu.Unlock()
		if n > 0 {
			r.narrator.now(at, "%d processes wait, the first for %.1f s of %s", n, (at - since).Seconds(), short(timeout))
		}
	}
}
