package minibroker

import "time"

// Bounds, in bytes, of what waits to be written to a connection.
const (
	outgoingSoft = 1 << 20  // beyond, its consumers get nothing
	outgoingHard = 64 << 20 // beyond, it is dropped
	outgoingKept = 64 << 10 // the greatest buffer that is used again
)

var heartbeat = []byte{frameHeartbeat, 0, 0, 0, 0, 0, 0, frameEnd}

// outbox is what a connection has to write. Guarded by the broker's lock.
type outbox struct {
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
// connection ends, and heartbeats when there is nothing.
func (c *conn) write() {
	defer c.nc.Close()
	const never = 1 << 62
	idle := time.NewTimer(never)
	defer idle.Stop()
	var buf []byte
	for {
		beat := false
		select {
		case <-c.wake:
		case <-idle.C:
			beat = true
		}
		var every time.Duration
		var end bool
		for {
			buf, every, end = c.take(buf, beat)
			if len(buf) == 0 {
				break
			}
			if _, err := c.nc.Write(buf); err != nil {
				return
			}
			beat = false
		}
		if end {
			return
		}
		if every > 0 {
			idle.Reset(every / 2)
		}
	}
}

// take exchanges a written buffer for what there is to write, a heartbeat if
// there is nothing else and beat is set.
func (c *conn) take(written []byte, beat bool) (buf []byte, every time.Duration, end bool) {
	c.broker.acquire()
	defer c.broker.release()
	c.writing = 0
	if c.starved && c.backlog() < outgoingSoft {
		c.starved = false
		c.feed()
	}
	if cap(written) > outgoingKept {
		written = nil
	}
	buf, c.out.buf = c.out.buf, written[:0]
	if len(buf) == 0 && beat {
		buf = append(buf, heartbeat...)
	}
	c.writing = len(buf)
	return buf, c.heartbeat, c.finished
}

// feed lets the connection's consumers have what they could not take.
func (c *conn) feed() {
	for _, ch := range c.channels {
		for _, cs := range ch.consumers {
			if cs.queue != nil {
				cs.queue.run()
			}
		}
	}
}
