package live

import (
	"container/list"
	"context"
	"errors"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/tracing"
)

// buffer bounds the messages that nobody waits for and that are on their way to
// a service: with the broker, or in the service's mailbox. Only the service makes
// room, by taking one up. What changes of it is guarded by the journal.
type buffer struct {
	name    string
	size    int
	used    int
	waiters list.List // of *sender, first come, first served; empty while there is room
}

// sender is a process that waits for room.
type sender struct {
	*life
	blocking *tracing.Blocking
	room     chan struct{} // closed when it has some
}

// stock makes the buffers. Each is drained by the one process of its service.
func (p *play) stock() {
	p.buffers = make(map[string]*buffer)
	for i := range p.s.Services {
		if one := &p.s.Services[i]; one.Buffer > 0 {
			b := &buffer{name: p.name + "/buffer/" + one.Name, size: one.Buffer}
			p.buffers[one.Name] = b
			p.journal.note(runlog.Entry{Kind: runlog.Take, Process: one.Processes()[0], Resource: b.name})
		}
	}
}

// fill takes room for one message, and waits for it if there is none. It reports
// whether it has it: not if ctx ended before.
func (l *life) fill(ctx context.Context, b *buffer) bool {
	place := l.enqueue(ctx, b)
	if place == nil {
		return true
	}
	s := waiting(place)
	select {
	case <-s.room:
		return true
	case <-ctx.Done():
	}
	l.play.journal.mu.Lock()
	defer l.play.journal.mu.Unlock()
	select {
	case <-s.room:
		return true
	default:
	}
	b.waiters.Remove(place)
	cause := report.Cancelled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		cause = report.TimedOut
	}
	s.end(cause)
	return false
}

// enqueue takes room for one message or, if there is none, a place among those
// who wait.
func (l *life) enqueue(ctx context.Context, b *buffer) (place *list.Element) {
	l.play.journal.mu.Lock()
	defer l.play.journal.mu.Unlock()
	if b.used < b.size {
		b.used++
		return nil
	}
	s := &sender{life: l, room: make(chan struct{})}
	s.begin(ctx, b)
	return b.waiters.PushBack(s)
}

func waiting(place *list.Element) *sender {
	return place.Value.(*sender) //nolint:forcetypeassert // nothing else is in the list
}

// drain makes room for one message, which is for the first that waits. The caller
// has the lock of the journal.
func (b *buffer) drain() {
	if first := b.waiters.Front(); first != nil {
		b.waiters.Remove(first)
		s := waiting(first)
		s.end(report.Granted)
		close(s.room)
		return
	}
	b.used--
}

// begin writes the beginning of a wait. The caller has the lock of the journal.
func (s *sender) begin(ctx context.Context, b *buffer) {
	if s.dead {
		return
	}
	s.blocked = true
	s.play.journal.write(runlog.Entry{
		Kind: runlog.Begin, Process: s.name, Need: 1, Resources: []runlog.Resource{{Name: b.name, Holders: 1}},
	})
	deadline, _ := ctx.Deadline()
	s.blocking = s.agent.Block(ctx, tracing.All, tracing.Wait{
		Kind: report.Buffer, Resource: b.name, Deadline: deadline, Holders: 1,
	})
}

// end writes the end of a wait. The caller has the lock of the journal, so that
// whoever made room is not blocked before the agent knows.
func (s *sender) end(cause report.Cause) {
	s.blocking.End(cause)
	if !s.dead {
		s.blocked = false
		s.play.journal.write(runlog.Entry{Kind: runlog.End, Process: s.name})
	}
}
