package sidecar

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/promsink"
	"github.com/waitgraph/waitgraph/detector/recording"
	"github.com/waitgraph/waitgraph/internal/bounded"
)

// tick is how often the detector is told that time passes.
const tick = 20 * time.Millisecond

// Bounds on what waits for the owner, and for those whom it tells.
const (
	maxEvents        = 4096
	maxEventBytes    = 64 << 20 // of the messages that they came in
	maxAnnouncements = 1024
)

// machine is the detector.
type machine interface {
	Step(now time.Time, e detector.Event) []detector.Effect
	Tick(now time.Time) []detector.Effect
	Verdicts() []detector.Verdict
	Snapshot() detector.Snapshot
	Stats() detector.Stats
}

var _ machine = (*detector.Detector)(nil)

// reach sends to agents and to the broker. Its methods never block, and report
// false for what was dropped.
type reach interface {
	Ask(a detector.Ask) bool
	CountQueue(c detector.CountQueue) bool
}

// announcement is what the owner tells the world.
type announcement struct {
	detector.Announce
	at time.Time
}

// owner is the one goroutine that touches the detector. Everybody else sends
// it events and requests; it never waits for anybody.
type owner struct {
	machine machine
	reach   reach
	metrics *promsink.Metrics
	// recorder records all that the machine is told and announces; nil: nothing is.
	recorder *recording.Recorder

	events        bounded.Queue[detector.Event]
	requests      chan func()
	announcements chan announcement
	ended         chan struct{}

	stats    atomic.Pointer[detector.Stats] // as of the last tick
	statuses map[string]detector.Status     // of the standing verdicts, as last announced
	verdicts copied[[]detector.Verdict]
	snapshot copied[detector.Snapshot]
}

func newOwner(m machine) *owner {
	o := &owner{
		machine:       m,
		events:        bounded.New[detector.Event](maxEvents, maxEventBytes),
		requests:      make(chan func()),
		announcements: make(chan announcement, maxAnnouncements),
		ended:         make(chan struct{}),
		statuses:      make(map[string]detector.Status),
	}
	o.publishStats()
	return o
}

// run owns the detector until ctx ends. Then it closes announcements.
func (o *owner) run(ctx context.Context) {
	defer close(o.announcements)
	defer close(o.ended)
	defer o.recorder.Close()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-o.events.C:
			now := o.now()
			o.recorder.Event(now, e.Value, e.Bytes)
			o.do(now, o.machine.Step(now, e.Value))
			o.events.Release(e.Bytes)
		case <-ticks.C:
			now := o.now()
			o.recorder.Tick(now)
			o.do(now, o.machine.Tick(now))
			o.publishStats()
		case request := <-o.requests:
			request()
		}
	}
}

// now returns the time for the machine. A recording has no place for the
// monotonic reading, so what is recorded goes by the wall clock alone.
func (o *owner) now() time.Time {
	if o.recorder != nil {
		return time.Now().Round(0)
	}
	return time.Now()
}

func (o *owner) publishStats() {
	s := o.machine.Stats()
	o.stats.Store(&s)
}

// tell takes an event for the detector, and the size of the message that it came
// in. It never blocks: what comes too fast is dropped, and repaired by the agents'
// digests and the detector's repetitions.
func (o *owner) tell(e detector.Event, size int) {
	if !o.events.Offer(e, int64(size)) {
		o.metrics.Drop(promsink.DroppedEvent)
	}
}

// do does what the detector wants done. What is dropped, the detector asks again.
func (o *owner) do(now time.Time, effects []detector.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case detector.Ask:
			if !o.reach.Ask(e) {
				o.metrics.Drop(promsink.DroppedQuestion)
			}
		case detector.CountQueue:
			if !o.reach.CountQueue(e) {
				o.metrics.Drop(promsink.DroppedCount)
			}
		case detector.Announce:
			o.announce(now, e)
		}
	}
}

func (o *owner) announce(now time.Time, a detector.Announce) {
	o.recorder.Announce(now, a)
	v := &a.Verdict
	if o.statuses[v.ID] != v.Status {
		o.metrics.Step(v)
	}
	o.statuses[v.ID] = v.Status
	if v.Status.Ended() {
		delete(o.statuses, v.ID)
	}
	select {
	case o.announcements <- announcement{a, now}:
	default:
		o.metrics.Drop(promsink.DroppedAnnouncement)
	}
}

var (
	errBusy  = errors.New("the detector does not answer in time")
	errEnded = errors.New("the detector has stopped")
)

// call has the owner run f, and waits for it until ctx ends. After an error f
// may still run: what it writes must not be read.
func (o *owner) call(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case o.requests <- func() { f(); close(done) }:
	case <-o.ended:
		return errEnded
	case <-ctx.Done():
		return errBusy
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errBusy
	}
}

// copied is a copy that the owner makes for others, who must not change it. It
// is made at most so often that nine tenths of the time are left for detection.
type copied[T any] struct {
	value T
	at    time.Time
	fresh time.Duration
}

func (c *copied[T]) get(copyNow func() T) (T, time.Time) {
	if began := time.Now(); began.Sub(c.at) >= c.fresh {
		c.value, c.at = copyNow(), began
		c.fresh = 10 * time.Since(began)
	}
	return c.value, c.at
}

// latest returns the owner's copy, and the instant at which it was made.
func latest[T any](ctx context.Context, o *owner, c *copied[T], copyNow func() T) (T, time.Time, error) {
	var value, none T // value and at are no results: after an error the owner may still write them
	var at time.Time
	if err := o.call(ctx, func() { value, at = c.get(copyNow) }); err != nil {
		return none, time.Time{}, err
	}
	return value, at, nil
}
