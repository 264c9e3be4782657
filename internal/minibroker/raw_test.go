package minibroker

import (
	"bufio"
	"io"
	"net"
	"net/url"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// rawClient speaks the protocol byte by byte, so that it can speak it badly.
type rawClient struct {
	*testing.T
	net.Conn
	frames frameReader
}

func newRawClient(t *testing.T, nc net.Conn) *rawClient {
	return &rawClient{T: t, Conn: nc, frames: frameReader{r: bufio.NewReader(nc), max: offeredFrameMax}}
}

// send writes without waiting for it to be read, which over net.Pipe would take a
// broker that still listens.
func (c *rawClient) send(frames func(e *encoder)) {
	var e encoder
	frames(&e)
	if _, err := c.Write(e.buf); err != nil {
		c.Logf("write: %v", err)
	}
}

// expect reads frames up to a method and returns its arguments.
func (c *rawClient) expect(id methodID) *cursor {
	c.Helper()
	for {
		f, err := c.frames.next()
		if err != nil {
			c.Fatalf("waiting for %v: %v", id, err)
		}
		if f.isMethod(id) {
			return &cursor{rest: f.payload[4:]}
		}
	}
}

// open brings the connection up with channel 1 open.
func (c *rawClient) open(heartbeat uint16) {
	c.Helper()
	c.send(func(e *encoder) { e.buf = append(e.buf, protocolHeader...) })
	c.expect(connectionStart)
	c.send(func(e *encoder) {
		e.method(0, connectionStartOK).long(0).shortstr("PLAIN").longstr("\x00guest\x00guest").shortstr("en_US").end()
	})
	c.expect(connectionTune)
	c.send(func(e *encoder) {
		e.method(0, connectionTuneOK).short(offeredChannelMax).long(offeredFrameMax).short(heartbeat).end()
		e.method(0, connectionOpen).shortstr("/").shortstr("").octet(0).end()
	})
	c.expect(connectionOpenOK)
	c.send(func(e *encoder) { e.method(1, channelOpen).shortstr("").end() })
	c.expect(channelOpenOK)
}

// closes reads until the other side hangs up, gracefully or not.
func (c *rawClient) closes() { _, _ = io.Copy(io.Discard, c.frames.r) }

// publishTo begins a message; the content is to follow.
func publishTo(e *encoder, key string) {
	e.method(1, basicPublish).short(0).shortstr("").shortstr(key).octet(0).end()
}

func contentHeader(e *encoder, size uint64, properties ...byte) {
	e.begin(frameHeader, 1).short(classBasic).short(0).longlong(size)
	e.buf = append(e.buf, properties...)
	e.end()
}

func body(e *encoder, b string) {
	e.begin(frameBody, 1)
	e.buf = append(e.buf, b...)
	e.end()
}

// violation is something that closes the connection with the code.
type violation struct {
	name string
	code uint16
	send func(e *encoder)
}

var violations = []violation{
	{"a frame without its end mark", frameError, func(e *encoder) {
		e.begin(frameMethod, 1).end()
		e.buf[len(e.buf)-1] = 0
	}},
	{"a frame that is too large", frameError, func(e *encoder) {
		publishTo(e, "q")
		const size = offeredFrameMax + 1
		contentHeader(e, size, 0, 0)
		body(e, string(make([]byte, size)))
	}},
	{"a frame of no known type", frameError, func(e *encoder) { e.begin(77, 1).end() }},
	{"a body without a header", unexpectedFrame, func(e *encoder) { publishTo(e, "q"); body(e, "x") }},
	{"a body out of nowhere", unexpectedFrame, func(e *encoder) { body(e, "x") }},
	{"a header out of nowhere", unexpectedFrame, func(e *encoder) { contentHeader(e, 1, 0, 0) }},
	{"a method amid content", unexpectedFrame, func(e *encoder) { publishTo(e, "q"); publishTo(e, "q") }},
	{"a header of another class", unexpectedFrame, func(e *encoder) {
		publishTo(e, "q")
		e.begin(frameHeader, 1).short(10).short(0).longlong(0).short(0).end()
	}},
	{"a method on a channel that is not open", channelError, func(e *encoder) {
		e.method(2, basicQos).long(0).short(1).octet(0).end()
	}},
	{"a channel opened twice", channelError, func(e *encoder) { e.method(1, channelOpen).shortstr("").end() }},
}

// TestViolations sends what no client should to either broker.
func TestViolations(t *testing.T) {
	t.Run("minibroker", func(t *testing.T) {
		for _, v := range violations {
			t.Run(v.name, func(t *testing.T) { violateEmbedded(t, v) })
		}
	})
	t.Run("rabbitmq", func(t *testing.T) {
		u, err := url.Parse(os.Getenv("AMQP_URL"))
		if err != nil || u.Host == "" {
			t.Skip("AMQP_URL is not set")
		}
		for _, v := range violations {
			t.Run(v.name, func(t *testing.T) {
				t.Parallel()
				nc, err := net.DialTimeout("tcp", u.Host, 10*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
				v.commit(newRawClient(t, nc))
			})
		}
	})
}

func violateEmbedded(t *testing.T, v violation) {
	synctest.Test(t, func(t *testing.T) {
		b := New()
		defer b.Close()
		v.commit(newRawClient(t, b.Pipe()))
	})
}

// commit sends the violation on an open connection and wants it closed.
func (v violation) commit(c *rawClient) {
	defer c.Close()
	c.open(0)
	go c.send(v.send)
	if got := c.expect(connectionClose).short(); got != v.code {
		c.Errorf("closed with %d, want %d", got, v.code)
	}
	c.send(func(e *encoder) { e.method(0, connectionCloseOK).end() })
	c.closes()
}

// TestRefusals sends what RabbitMQ knows and this broker does not, and what RabbitMQ
// answers by an internal error.
func TestRefusals(t *testing.T) {
	for _, v := range []violation{
		{"a transaction", notImplemented, func(e *encoder) { e.method(1, 90<<16|10).end() }},
		{"basic.get", notImplemented, func(e *encoder) { e.method(1, classBasic<<16|70).short(0).shortstr("q").octet(0).end() }},
		{"basic.recover", notImplemented, func(e *encoder) { e.method(1, classBasic<<16|110).octet(1).end() }},
		{"exchange.bind", notImplemented, func(e *encoder) {
			e.method(1, 40<<16|30).short(0).shortstr("a").shortstr("b").shortstr("").octet(0).long(0).end()
		}},
		{"a method that does not exist", notImplemented, func(e *encoder) { e.method(1, 99<<16|99).end() }},
		{"prefetch of the whole channel", notImplemented, func(e *encoder) { e.method(1, basicQos).long(0).short(1).octet(1).end() }},
		{"a header exchange", notImplemented, func(e *encoder) {
			e.method(1, exchangeDeclare).short(0).shortstr("x").shortstr("headers").octet(0).long(0).end()
		}},
		{"dead lettering", notImplemented, func(e *encoder) {
			var args encoder
			args.shortstr("x-dead-letter-exchange").octet('S').longstr("x")
			e.method(1, queueDeclare).short(0).shortstr("q").octet(0).longstr(string(args.buf)).end()
		}},
		{"arguments that end early", syntaxError, func(e *encoder) { e.method(1, queueDeclare).short(0).shortstr("q").end() }},
		{"arguments that go on", syntaxError, func(e *encoder) { e.method(1, confirmSelect).octet(0).octet(0).end() }},
		{"a table of unknown types", syntaxError, func(e *encoder) {
			e.method(1, queueDeclare).short(0).shortstr("q").octet(0).longstr("\x01a?").end()
		}},
		{"a header of unknown types", syntaxError, func(e *encoder) {
			publishTo(e, "q")
			contentHeader(e, 0, 0x20, 0, 0, 0, 0, 3, 1, 'a', '?')
		}},
	} {
		t.Run(v.name, func(t *testing.T) { violateEmbedded(t, v) })
	}
}

func TestAnotherProtocolIsToldWhichOneIsSpoken(t *testing.T) {
	b := New()
	defer b.Close()
	c := newRawClient(t, b.Pipe())
	defer c.Close()
	go c.send(func(e *encoder) { e.buf = append(e.buf, "AMQP\x00\x01\x00\x00"...) })
	answer, err := io.ReadAll(c.frames.r)
	if string(answer) != protocolHeader || err != nil {
		t.Errorf("got %q, %v", answer, err)
	}
}

// lasts returns how long the broker keeps a connection on which the client says
// nothing more.
func lasts(c *rawClient) time.Duration {
	begin := time.Now()
	c.closes()
	return time.Since(begin)
}

func TestSilentClientsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New()
		defer b.Close()
		mute := newRawClient(t, b.Pipe())
		if d := lasts(mute); d != handshakeTimeout {
			t.Errorf("a client that never began was dropped after %v", d)
		}
		halfOpen := newRawClient(t, b.Pipe())
		halfOpen.open(5)
		if d := lasts(halfOpen); d != 10*time.Second {
			t.Errorf("a client without heartbeats was dropped after %v, want two intervals", d)
		}
	})
}

func TestClientsThatDoNotReadHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New()
		defer b.Close()
		deaf, busy := newRawClient(t, b.Pipe()), newRawClient(t, b.Pipe())
		deaf.open(0)
		busy.open(0)
		deaf.send(func(e *encoder) {
			e.method(1, queueDeclare).short(0).shortstr("q").octet(0).long(0).end()
			const noAck, noWait = 1 << 1, 1 << 3
			e.method(1, basicConsume).short(0).shortstr("q").shortstr("c").octet(noAck | noWait).long(0).end()
		})
		const size, n = 1 << 16, 64 // four times what may wait for a consumer
		for range n {
			busy.send(func(e *encoder) {
				publishTo(e, "q")
				contentHeader(e, size, 0, 0)
				body(e, string(make([]byte, size)))
			})
		}
		busy.send(func(e *encoder) { e.method(1, queueDeclare).short(0).shortstr("q").octet(1).long(0).end() })
		r := busy.expect(queueDeclareOK)
		r.shortstr()
		held := r.long()
		if held <= n/2 || held >= n {
			t.Errorf("%d of %d messages stayed in the queue, want those beyond %d bytes", held, n, outgoingSoft)
		}
		for range n {
			deaf.expect(basicDeliver)
		}
	})
}

func TestClientsThatAskAndDoNotReadAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New()
		defer b.Close()
		deaf := newRawClient(t, b.Pipe())
		deaf.open(0)
		var e encoder
		const mandatory = 1
		e.method(1, basicPublish).short(0).shortstr("").shortstr("nowhere").octet(mandatory).end()
		const size = 1 << 16
		contentHeader(&e, size, 0, 0)
		body(&e, string(make([]byte, size)))
		for sent := 0; ; sent += size {
			if _, err := deaf.Write(e.buf); err != nil {
				break
			}
			if sent > 2*outgoingHard {
				t.Fatalf("still connected with %d bytes unread", sent)
			}
		}
	})
}
