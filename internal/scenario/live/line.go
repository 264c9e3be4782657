package live

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// line carries the connections of a part of a play, and fails when it is told to.
type line struct {
	dial func(network, addr string) (net.Conn, error)

	mu    sync.Mutex
	open  map[*transport]struct{}
	halts int           // under way
	still chan struct{} // closed when the last of them is over; nil without any
}

// newLine returns a line over transports that dial opens; nil means TCP.
func newLine(dial func(network, addr string) (net.Conn, error)) *line {
	if dial == nil {
		dial = net.Dial
	}
	return &line{dial: dial, open: make(map[*transport]struct{})}
}

// dialer returns what opens transports until a life ends. While the line stands
// still, it waits.
func (l *line) dialer(life context.Context) func(network, addr string) (net.Conn, error) {
	return func(network, addr string) (net.Conn, error) {
		l.await(life.Done())
		conn, err := l.dial(network, addr)
		if err != nil {
			return nil, err
		}
		t := &transport{Conn: conn, line: l, closed: make(chan struct{})}
		l.mu.Lock()
		defer l.mu.Unlock()
		if life.Err() != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("dial %s: %w", addr, context.Cause(life))
		}
		l.open[t] = struct{}{}
		return t, nil
	}
}

// cut closes all transports that are open.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := range l.open {
		_ = t.close() // what is cut is gone in any case
	}
}

// halt makes the line stand still until as many calls of resume.
func (l *line) halt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.halts++; l.halts == 1 {
		l.still = make(chan struct{})
	}
}

func (l *line) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.halts--; l.halts > 0 {
		return
	}
	close(l.still)
	l.still = nil
	for t := range l.open {
		if len(t.parked) > 0 && !t.flushing {
			t.flushing = true
			go t.flush()
		}
	}
}

// await waits while the line stands still, but not beyond an end.
func (l *line) await(end <-chan struct{}) {
	for {
		l.mu.Lock()
		still := l.still
		l.mu.Unlock()
		if still == nil {
			return
		}
		select {
		case <-still:
		case <-end:
			return
		}
	}
}

// transport is a connection over a line. It is written to by one goroutine at a
// time.
type transport struct {
	net.Conn
	line   *line
	closed chan struct{}

	// What was written while the line stood still, and whether a goroutine is about
	// to send it. Meanwhile it is added to. Guarded by the line.
	parked   []byte
	flushing bool
}

// Read hands over nothing while the line stands still.
func (t *transport) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.line.await(t.closed)
	return n, err
}

// Write takes what there is to send, as the buffer of a socket does. It does not
// block while the line stands still: the client has locks then, and in a bubble
// nobody can wait for those while time passes.
func (t *transport) Write(p []byte) (int, error) {
	if t.park(p) {
		return len(p), nil
	}
	return t.Conn.Write(p)
}

// park keeps what cannot be sent yet. It reports false if it can.
func (t *transport) park(p []byte) bool {
	t.line.mu.Lock()
	defer t.line.mu.Unlock()
	if t.line.still == nil && !t.flushing {
		return false
	}
	t.parked = append(t.parked, p...)
	return true
}

// flush sends what is parked.
func (t *transport) flush() {
	for p := t.unpark(); p != nil; p = t.unpark() {
		if _, err := t.Conn.Write(p); err != nil {
			return // those who read will see it
		}
	}
}

// unpark returns what can be sent now, nil if that is nothing.
func (t *transport) unpark() []byte {
	t.line.mu.Lock()
	defer t.line.mu.Unlock()
	p := t.parked
	if t.flushing = t.line.still == nil && len(p) > 0; !t.flushing {
		return nil
	}
	t.parked = nil
	return p
}

// Close closes the transport, also while the line stands still.
func (t *transport) Close() error {
	t.line.mu.Lock()
	defer t.line.mu.Unlock()
	return t.close()
}

// close is Close for those who have the lock.
func (t *transport) close() error {
	if _, ok := t.line.open[t]; !ok {
		return net.ErrClosed
	}
	delete(t.line.open, t)
	close(t.closed)
	return t.Conn.Close()
}
