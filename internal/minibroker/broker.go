package minibroker

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// The one user, and the password.
const (
	user     = "guest"
	password = "guest"
)

// closeGrace is how long a client has to answer that it knows of the end.
const closeGrace = time.Second

// Broker is an AMQP 0-9-1 broker. Its methods may be called by any goroutine.
type Broker struct {
	goroutines sync.WaitGroup

	mu        sync.Mutex // guards all below, and what hangs on it
	vhost     *vhost
	conns     map[*conn]struct{}
	listeners map[net.Listener]struct{}
	alarm     string     // why publishers are blocked; empty: they are not
	doomed    []net.Conn // to be cut when the lock is released
	accepted  uint64
	closed    bool
}

// New returns a broker that nobody can reach yet: see Serve, Pipe and Dial.
func New() *Broker {
	return &Broker{vhost: newVhost(), conns: map[*conn]struct{}{}, listeners: map[net.Listener]struct{}{}}
}

func (b *Broker) acquire() {
	b.mu.Lock()
	b.vhost.advance(time.Now())
}

func (b *Broker) release() {
	doomed := b.doomed
	b.doomed = nil
	b.mu.Unlock()
	for _, nc := range doomed {
		_ = nc.Close()
	}
}

// Serve accepts connections until Close, which makes it return nil, or until the
// listener fails. It closes the listener.
func (b *Broker) Serve(l net.Listener) error {
	defer func() { _ = l.Close() }()
	if !b.listen(l) {
		return nil
	}
	for {
		nc, err := l.Accept()
		if err != nil {
			return b.unlisten(l, err)
		}
		b.start(nc)
	}
}

func (b *Broker) listen(l net.Listener) bool {
	b.acquire()
	defer b.release()
	if !b.closed {
		b.listeners[l] = struct{}{}
	}
	return !b.closed
}

func (b *Broker) unlisten(l net.Listener, err error) error {
	b.acquire()
	defer b.release()
	delete(b.listeners, l)
	if b.closed {
		return nil
	}
	return fmt.Errorf("accept connection: %w", err)
}

// Pipe returns the client's end of a new connection in memory.
func (b *Broker) Pipe() net.Conn {
	client, server := net.Pipe()
	b.start(server)
	return client
}

// Dial is Pipe in the form that amqp.Config wants. The address does not matter.
func (b *Broker) Dial(_, _ string) (net.Conn, error) { return b.Pipe(), nil }

func (b *Broker) start(nc net.Conn) {
	b.acquire()
	defer b.release()
	if b.closed {
		b.doomed = append(b.doomed, nc)
		return
	}
	c := newConn(b, nc, b.accepted)
	b.accepted++
	b.conns[c] = struct{}{}
	b.goroutines.Go(c.read)
	b.goroutines.Go(c.write)
}

// connections returns the connections, oldest first.
func (b *Broker) connections() []*conn {
	cs := make([]*conn, 0, len(b.conns))
	for c := range b.conns {
		cs = append(cs, c)
	}
	slices.SortFunc(cs, func(x, y *conn) int { return cmp.Compare(x.number, y.number) })
	return cs
}

// Close tells all clients that the broker shuts down (320 CONNECTION_FORCED),
// cuts those that do not answer within a second, and returns when all the
// broker's goroutines have ended. It may be called again.
func (b *Broker) Close() error {
	for _, l := range b.shut() {
		_ = l.Close()
	}
	cut := time.AfterFunc(closeGrace, b.DropConnections)
	defer cut.Stop()
	b.goroutines.Wait()
	return nil
}

func (b *Broker) shut() []net.Listener {
	b.acquire()
	defer b.release()
	b.closed = true
	for _, c := range b.connections() {
		c.fail(refuse(connectionForced, "broker forced connection closure with reason 'shutdown'"))
	}
	var ls []net.Listener
	for l := range b.listeners {
		ls = append(ls, l)
	}
	return ls
}

// DropConnections cuts all connections without a word, as a failing network does.
// New ones are accepted.
func (b *Broker) DropConnections() {
	b.acquire()
	defer b.release()
	for _, c := range b.connections() {
		c.doom()
	}
}

// Block makes the broker carry out no more publishing until Unblock, as under an
// alarm for memory: a connection that publishes is sent connection.blocked, and
// from then on nothing that it sends is carried out.
func (b *Broker) Block() {
	b.acquire()
	defer b.release()
	b.alarm = "low on memory"
}

// Unblock ends a Block: what was held back is carried out now.
func (b *Broker) Unblock() {
	b.acquire()
	defer b.release()
	b.alarm = ""
	for _, c := range b.connections() {
		c.unblock()
	}
}
