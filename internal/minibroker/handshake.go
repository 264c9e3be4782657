package minibroker

import (
	"errors"
	"io"
	"runtime"
	"time"
)

// What the broker proposes in tuning.
const (
	offeredChannelMax = 2047
	offeredFrameMax   = 128 << 10
	offeredHeartbeat  = 60 // seconds
)

// handshakeTimeout bounds the time from the connection to its open.
const handshakeTimeout = 10 * time.Second

const protocolHeader = "AMQP\x00\x00\x09\x01"

// serverCapabilities are all true.
var serverCapabilities = []string{
	"publisher_confirms", "basic.nack", "consumer_cancel_notify", "connection.blocked",
	"authentication_failure_close", "per_consumer_qos", "direct_reply_to",
}

// handshake brings the connection from its first byte to connection.open-ok.
//
//	client           broker
//	protocol header  start
//	start-ok         tune
//	tune-ok, open    open-ok
func (c *conn) handshake() error {
	if err := c.nc.SetReadDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	for _, step := range []func() error{c.greet, c.authenticate, c.tune, c.open} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := c.nc.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	c.timeout = 2 * c.heartbeat
	c.frames.max = c.frameMax
	return nil
}

// expect reads the one method that may come now.
func (c *conn) expect(id methodID) (*cursor, error) {
	for {
		f, err := c.frames.next()
		switch {
		case err != nil:
			return nil, err
		case f.isMethod(id) && f.channel == 0:
			return &cursor{rest: f.payload[4:]}, nil
		case f.kind != frameHeartbeat:
			return nil, refuse(commandInvalid, "expected %v during the handshake", id)
		}
	}
}

// say sends one method on channel 0.
func (c *conn) say(id methodID, args func(*encoder)) {
	c.broker.acquire()
	defer c.broker.release()
	e := c.method(0, id)
	args(e)
	e.end()
}

func (c *conn) greet() error {
	header := make([]byte, len(protocolHeader))
	if _, err := io.ReadFull(c.frames.r, header); err != nil {
		return err
	}
	if string(header) != protocolHeader {
		c.broker.acquire()
		defer c.broker.release()
		c.out.buf = append(c.out.buf, protocolHeader...)
		return errEnd
	}
	c.say(connectionStart, func(e *encoder) {
		var caps, props encoder
		for _, name := range serverCapabilities {
			caps.shortstr(name).octet('t').bit(true)
		}
		props.shortstr("capabilities").octet('F').longstr(string(caps.buf))
		for _, p := range [][2]string{{"product", "waitgraph minibroker"}, {"platform", runtime.Version()}} {
			props.shortstr(p[0]).octet('S').longstr(p[1])
		}
		e.octet(0).octet(9).longstr(string(props.buf)).longstr("PLAIN").longstr("en_US")
	})
	return nil
}

func (c *conn) authenticate() error {
	r, err := c.expect(connectionStartOK)
	if err != nil {
		return err
	}
	properties, mechanism, response, _ := r.table().clone(), r.shortstr(), string(r.longstr()), r.shortstr()
	if err := r.end(); err != nil {
		return err
	}
	f, _ := properties.lookup("capabilities")
	c.broker.acquire()
	c.capabilities = f.table()
	c.broker.release()
	switch {
	case mechanism == "PLAIN" && response == "\x00"+user+"\x00"+password:
		c.say(connectionTune, func(e *encoder) { e.short(offeredChannelMax).long(offeredFrameMax).short(offeredHeartbeat) })
		return nil
	case c.capable("authentication_failure_close"):
		return refuse(accessRefused, "Login was refused using authentication mechanism %s. For details see the broker logfile.", mechanism)
	}
	return errors.New("login refused")
}

func (c *conn) tune() error {
	r, err := c.expect(connectionTuneOK)
	if err != nil {
		return err
	}
	channels, frame, beat := r.short(), r.long(), r.short()
	if err := r.end(); err != nil {
		return err
	}
	switch {
	case channels == 0 || channels > offeredChannelMax:
		return refuse(notAllowed, "negotiated channel_max = %d, want 1 to %d", channels, offeredChannelMax)
	case frame < frameMaxUntuned || frame > offeredFrameMax:
		return refuse(notAllowed, "negotiated frame_max = %d, want %d to %d", frame, frameMaxUntuned, offeredFrameMax)
	}
	c.broker.acquire()
	defer c.broker.release()
	c.tuning = tuning{channelMax: channels, frameMax: int(frame), heartbeat: time.Duration(beat) * time.Second}
	return nil
}

func (c *conn) open() error {
	r, err := c.expect(connectionOpen)
	if err != nil {
		return err
	}
	name, _, _ := r.shortstr(), r.shortstr(), r.bits()
	if err := r.end(); err != nil {
		return err
	}
	if name != "/" {
		return refuse(notAllowed, "vhost %s not found", name)
	}
	c.say(connectionOpenOK, func(e *encoder) { e.shortstr("") })
	return nil
}
