package minibroker

import "errors"

// parkedMax is how many bytes of frames a blocked connection can have sent before
// its client notices, as it would by a socket's full buffers.
const parkedMax = 1 << 20

// blockade holds back the frames of a connection that publishes while the broker
// is blocked. They are still read, so that a client over net.Pipe does not stall in
// a write while it holds a lock. Guarded by the broker's lock.
type blockade struct {
	blocked bool
	parked  []frame
	size    int           // of what is parked, in bytes
	gate    chan struct{} // closed when the reading goroutine may go on; nil: it need not wait
}

// holds reports whether the frame must wait, and tells the client of the first
// that must.
func (c *conn) holds(f frame) bool {
	if !c.blocked && c.broker.alarm != "" && f.isMethod(basicPublish) {
		c.blocked = true
		if c.capable("connection.blocked") {
			c.method(0, connectionBlocked).shortstr(c.broker.alarm).end()
		}
	}
	return c.blocked
}

func (b *blockade) park(f frame) {
	b.parked = append(b.parked, f.clone())
	b.size += len(f.payload)
	if b.size > parkedMax && b.gate == nil {
		b.gate = make(chan struct{})
	}
}

// unhold lets the reading goroutine go on and returns what was held back.
func (b *blockade) unhold() []frame {
	if b.gate != nil {
		close(b.gate)
	}
	parked := b.parked
	*b = blockade{}
	return parked
}

// unblock tells the client that it can publish, and carries out what it has sent.
func (c *conn) unblock() {
	if !c.blocked {
		return
	}
	parked := c.unhold()
	if c.capable("connection.blocked") {
		c.method(0, connectionUnblocked).end()
	}
	for _, f := range parked {
		if err := c.handle(f); err != nil {
			c.quit(err)
			return
		}
	}
}

// quit ends the connection for an error outside of the reading goroutine.
func (c *conn) quit(err error) {
	if refused, ok := errors.AsType[*replyError](err); ok {
		c.fail(refused)
		return
	}
	c.finish()
}
