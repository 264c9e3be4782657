package logsink

import (
	"context"
	"io"
	"sync"
)

// maxWaiting is how many bytes wait for the reader of a Writer, but one line may
// be longer.
const maxWaiting = 1 << 20

// Writer passes on what is written to it, and makes nobody wait for whoever
// reads that: a terminal that is stopped, a pipe that is full. What comes while too
// much waits is dropped, each Write as a whole, and counted. It is safe for
// concurrent use.
type Writer struct {
	to io.Writer

	mu      sync.Mutex
	waiting []byte
	writes  uint64        // that waiting is made of
	idle    chan struct{} // closed once nothing waits; nil: so it is
	dropped uint64
}

var _ io.Writer = (*Writer)(nil)

// NewWriter returns a Writer that passes on to w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Write implements io.Writer. It returns at once, and never an error.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writes > 0 && len(w.waiting)+len(p) > maxWaiting {
		w.dropped++
		return len(p), nil
	}
	w.waiting = append(w.waiting, p...)
	w.writes++
	if w.idle == nil {
		w.idle = make(chan struct{})
		go w.pass(w.idle)
	}
	return len(p), nil
}

// pass passes on what waits, until nothing does.
func (w *Writer) pass(idle chan<- struct{}) {
	defer close(idle)
	for {
		p, writes := w.take()
		if writes == 0 {
			return
		}
		if _, err := w.to.Write(p); err != nil {
			w.mu.Lock()
			w.dropped += writes
			w.mu.Unlock()
		}
	}
}

// take returns what waits, and of how many writes it is made.
func (w *Writer) take() ([]byte, uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, writes := w.waiting, w.writes
	w.waiting, w.writes = nil, 0
	if writes == 0 {
		w.idle = nil
	}
	return p, writes
}

// Flush waits until everything has been passed on, or ctx ends.
func (w *Writer) Flush(ctx context.Context) {
	w.mu.Lock()
	idle := w.idle
	w.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// Dropped returns how many writes were dropped, or failed.
func (w *Writer) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}
