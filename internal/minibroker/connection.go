package minibroker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"maps"
	"net"
	"slices"
	"time"
)

// errEnd ends a connection that has been closed in due form.
var errEnd = errors.New("connection closed")

// conn is a connection. Its fields are guarded by the broker's lock, but for
// those of the reading goroutine.
type conn struct {
	broker *Broker
	nc     net.Conn
	number uint64 // in the order of arrival

	// Of the reading goroutine only.
	frames  frameReader
	timeout time.Duration // without any byte from the client, until it counts as gone; zero: never

	outbox
	blockade
	channels     map[uint16]*channel
	exclusive    map[*queue]struct{} // queues that end with the connection
	capabilities table               // of the client
	tuning
	closing bool // no frame but close-ok counts any more
}

// tuning is what client and broker have agreed on.
type tuning struct {
	channelMax uint16
	frameMax   int
	heartbeat  time.Duration // zero: none
}

func newConn(b *Broker, nc net.Conn, number uint64) *conn {
	c := &conn{
		broker: b, nc: nc, number: number,
		outbox:    outbox{wake: make(chan struct{}, 1)},
		channels:  map[uint16]*channel{},
		exclusive: map[*queue]struct{}{},
		tuning:    tuning{frameMax: frameMaxUntuned},
	}
	c.frames = frameReader{r: bufio.NewReaderSize(idleReader{c}, 16<<10), max: frameMaxUntuned}
	return c
}

// idleReader reads from the connection, giving up after the timeout.
type idleReader struct{ c *conn }

func (r idleReader) Read(p []byte) (int, error) {
	if r.c.timeout > 0 {
		if err := r.c.nc.SetReadDeadline(time.Now().Add(r.c.timeout)); err != nil {
			return 0, err
		}
	}
	return r.c.nc.Read(p)
}

// read is the reading goroutine: it carries out the client's frames until the
// connection ends.
func (c *conn) read() {
	defer c.leave()
	err := c.handshake()
	for err == nil {
		var f frame
		if f, err = c.frames.next(); err == nil {
			err = c.receive(f)
		}
	}
	if refused, ok := errors.AsType[*replyError](err); ok {
		c.broker.acquire()
		c.fail(refused)
		c.broker.release()
		c.awaitCloseOK()
	}
}

// receive carries out one frame under the lock. A *replyError is one that closes
// the connection.
func (c *conn) receive(f frame) error {
	c.broker.acquire()
	err := c.handle(f)
	gate := c.gate
	c.broker.release()
	if gate != nil {
		<-gate
	}
	return err
}

func (c *conn) handle(f frame) error {
	switch {
	case c.closing:
		if f.isMethod(connectionCloseOK) {
			return errEnd
		}
		return nil
	case f.kind == frameHeartbeat:
		return nil
	case c.holds(f):
		c.park(f)
		return nil
	}
	return c.carryOut(f)
}

func (c *conn) carryOut(f frame) error {
	if f.kind != frameMethod && f.kind != frameHeader && f.kind != frameBody {
		return refuse(frameError, "unknown frame type %d", f.kind)
	}
	if f.channel == 0 {
		return c.control(f)
	}
	ch := c.channels[f.channel]
	switch {
	case ch == nil:
		return c.openChannel(f)
	case ch.closing:
		c.awaitChannel(ch, f)
		return nil
	}
	err := ch.receive(f)
	refused, ok := errors.AsType[*replyError](err)
	if !ok {
		return err
	}
	refused.method = ch.method
	if refused.hard() {
		return err
	}
	c.closeChannel(ch, refused)
	return nil
}

// control carries out the methods of channel 0.
func (c *conn) control(f frame) error {
	switch {
	case f.isMethod(connectionClose):
		c.close()
		c.method(0, connectionCloseOK).end()
		return errEnd
	case f.kind != frameMethod:
		return refuse(unexpectedFrame, "content on channel 0")
	}
	return refuse(notImplemented, "%v", f.method())
}

func (c *conn) openChannel(f frame) error {
	switch {
	case f.isMethod(channelCloseOK):
		return nil
	case !f.isMethod(channelOpen):
		return refuse(channelError, "expected 'channel.open'")
	case f.channel > c.channelMax:
		return refuse(notAllowed, "channel %d is beyond the negotiated channel_max (%d)", f.channel, c.channelMax)
	}
	ch := &channel{id: f.channel, conn: c}
	c.channels[ch.id] = ch
	ch.reply(channelOpenOK).longstr("").end()
	return nil
}

// closeChannel ends a channel by an error. Its number is free after close-ok.
func (c *conn) closeChannel(ch *channel, why *replyError) {
	ch.release()
	ch.reply(channelClose).short(why.code).shortstr(why.text).long(uint32(why.method)).end()
}

func (c *conn) awaitChannel(ch *channel, f frame) {
	switch {
	case f.isMethod(channelCloseOK):
		delete(c.channels, ch.id)
	case f.isMethod(channelClose):
		ch.reply(channelCloseOK).end()
	}
}

// fail ends the connection by an error.
func (c *conn) fail(why *replyError) {
	if c.closing {
		return
	}
	c.close()
	c.method(0, connectionClose).short(why.code).shortstr(why.text).long(uint32(why.method)).end()
}

// close gives up all that the connection holds.
func (c *conn) close() {
	if c.closing {
		return
	}
	c.closing = true
	for ch := range c.inOrder() {
		ch.release()
	}
	for q := range c.exclusive {
		c.broker.vhost.deleteQueue(q)
	}
	c.unhold()
}

// inOrder yields the channels by their numbers.
func (c *conn) inOrder() iter.Seq[*channel] {
	return func(yield func(*channel) bool) {
		for _, id := range slices.Sorted(maps.Keys(c.channels)) {
			if !yield(c.channels[id]) {
				return
			}
		}
	}
}

// awaitCloseOK reads on until the client has seen the end, so that closing the
// socket does not take the news from it, but not for long.
func (c *conn) awaitCloseOK() {
	c.timeout = 0
	_ = c.nc.SetReadDeadline(time.Now().Add(closeGrace))
	for {
		f, err := c.frames.next()
		if _, malformed := errors.AsType[*replyError](err); malformed {
			_, _ = io.Copy(io.Discard, c.frames.r)
			return
		}
		if err != nil || f.isMethod(connectionCloseOK) {
			return
		}
	}
}

// leave is the last act of the reading goroutine. The writing one still flushes.
func (c *conn) leave() {
	_ = c.nc.SetWriteDeadline(time.Now().Add(closeGrace))
	c.broker.acquire()
	defer c.broker.release()
	c.close()
	delete(c.broker.conns, c)
	c.finish()
}

// doom cuts the connection as soon as the lock is released. Its reading goroutine
// then gives up what it holds.
func (c *conn) doom() {
	c.broker.doomed = append(c.broker.doomed, c.nc)
	c.close()
}

func (c *conn) capable(of string) bool {
	f, ok := c.capabilities.lookup(of)
	return ok && f.bool()
}

func (f frame) method() methodID {
	r := cursor{rest: f.payload}
	return methodID(r.long())
}

func (f frame) isMethod(id methodID) bool { return f.kind == frameMethod && f.method() == id }

func (f frame) clone() frame {
	f.payload = bytes.Clone(f.payload)
	return f
}
