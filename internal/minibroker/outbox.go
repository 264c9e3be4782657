package minibroker

import "time"

// Bounds, in bytes, of what waits to be written to a connection.
const (
	outgoingSoft = 1 << 20  // beyond, its consumers get nothing
	outgoingHard = 16 << 20 // beyond, it is dropped
	outgoingKept = 64 << 10 // the greatest buffer that is used again
)

// outbox is what a connection has to write. Guarded by the broker's lock.
type outbox struct {
	pause time.Duration // until a heartbeat is due, zero: never; of the writing goroutine only

	out      encoder
	writing  int           // bytes that the writing goroutine is about to write
	starved  bool          // a consumer got nothing because of the backlog
	finished bool          // nothing will follow
	wake     chan struct{} // of capacity 1: there is something to do for the writing goroutine
}

func (o *outbox) backlog() int { return len(o.out.buf) + o.writing }

func (o *outbox) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) finish() {
	o.finished = true
	o.rouse()
}

// method begins a method to the client; end ends it.
func (c *conn) method(channel uint16, id methodID) *encoder {
	if !c.closing && c.backlog() > outgoingHard {
		c.doom()
	}
	c.rouse()
	return c.out.method(channel, id)
}

func (c *conn) content(channel uint16, m *message) { c.out.content(channel, m, c.frameMax) }

// accepts reports whether the connection can take deliveries.
func (c *conn) accepts() bool {
	full := c.backlog() >= outgoingSoft
	c.starved = c.starved || full
	return !full && !c.closing
}

// write is the writing goroutine: it writes whatever there is until the
// connection ends, and heartbeats while there is nothing.
func (c *conn) write() {
	defer func() { _ = c.nc.Close() }()
	idle := time.NewTimer(time.Hour)
	idle.Stop()
	var buf []byte
	for more := true; more; {
		select {
		case <-c.wake:
		case <-idle.C:
			c.beat()
		}
		if buf, more = c.flush(buf); more && c.pause > 0 {
			idle.Reset(c.pause)
		}
	}
	idle.Stop()
}

func (c *conn) beat() {
	c.broker.acquire()
	defer c.broker.release()
	if c.backlog() == 0 {
		c.out.begin(frameHeartbeat, 0).end()
	}
}

// flush writes until there is nothing left, and reports whether more may follow.
func (c *conn) flush(buf []byte) ([]byte, bool) {
	for {
		var more bool
		if buf, more = c.take(buf); len(buf) == 0 {
			return buf, more
		}
		if _, err := c.nc.Write(buf); err != nil {
			return nil, false
		}
	}
}

// take exchanges a buffer that has been written for what there is to write.
func (c *conn) take(written []byte) (buf []byte, more bool) {
	c.broker.acquire()
	defer c.broker.release()
	c.writing = 0
	c.pause = c.heartbeat / 2
	if c.starved && c.backlog() < outgoingSoft {
		c.starved = false
		c.feed()
	}
	if cap(written) > outgoingKept {
		written = nil
	}
	buf, c.out.buf = c.out.buf, written[:0]
	c.writing = len(buf)
	return buf, !c.finished
}

// feed lets the connection's consumers have what they could not take before.
func (c *conn) feed() {
	for ch := range c.inOrder() {
		for _, cs := range ch.consumers {
			if cs.queue != nil {
				cs.queue.run()
			}
		}
	}
}
