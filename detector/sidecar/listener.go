package sidecar

import (
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

// partingTime is how long a listener may take for what it has not yet been told
// when the sidecar stops.
const partingTime = time.Second

// listener tells OnVerdict, which nobody else waits for: it may take its time,
// or never return.
type listener struct {
	queue  chan detector.Announce
	told   chan struct{} // closed when it is told no more
	parted atomic.Bool   // it is to be told no more
}

func newListener(tell func(detector.Announce)) *listener {
	l := &listener{queue: make(chan detector.Announce, maxAnnouncements), told: make(chan struct{})}
	go func() {
		defer close(l.told)
		for a := range l.queue {
			if l.parted.Load() {
				return
			}
			tell(a)
		}
	}()
	return l
}

// offer reports false for what was dropped.
func (l *listener) offer(a detector.Announce) bool {
	select {
	case l.queue <- a:
		return true
	default:
		return false
	}
}

// close waits for partingTime at most. A call that takes longer goes on, and is
// the last.
func (l *listener) close() {
	close(l.queue)
	select {
	case <-l.told:
	case <-time.After(partingTime):
		l.parted.Store(true)
	}
}
