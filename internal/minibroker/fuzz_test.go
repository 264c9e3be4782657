package minibroker

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// FuzzFrames feeds bytes to a connection that is open, as a client's frames.
// Whatever they are, the broker carries them out or refuses them, its state stays
// sound, and what it writes is well formed.
func FuzzFrames(f *testing.F) {
	for _, v := range violations {
		var e encoder
		v.send(&e)
		f.Add(e.buf[:min(len(e.buf), 1<<10)])
	}
	f.Add(session())
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newConn(New(), nil, 0)
		c.broker.conns[c] = struct{}{}
		c.tuning = tuning{channelMax: offeredChannelMax, frameMax: frameMaxUntuned}
		in := frameReader{r: bufio.NewReader(bytes.NewReader(data)), max: frameMaxUntuned}
		for {
			fr, err := in.next()
			if err != nil || c.receive(fr) != nil {
				break
			}
			if err := c.broker.checkInvariants(); err != nil {
				t.Fatal(err)
			}
		}
		c.close()
		if err := c.broker.checkInvariants(); err != nil {
			t.Fatal(err)
		}
		out := frameReader{r: bufio.NewReader(bytes.NewReader(c.out.buf)), max: frameMaxUntuned}
		for n := 0; n < len(c.out.buf); {
			fr, err := out.next()
			if err != nil {
				t.Fatalf("broker wrote %q: %v", c.out.buf, err)
			}
			n += len(fr.payload) + frameOverhead
		}
	})
}

// session is a little of everything that a client may send.
func session() []byte {
	var e encoder
	e.method(1, channelOpen).shortstr("").end()
	e.method(1, confirmSelect).octet(0).end()
	e.method(1, exchangeDeclare).short(0).shortstr("x").shortstr("topic").octet(0).long(0).end()
	var args encoder
	args.shortstr("x-max-length").octet('I').long(2)
	args.shortstr("h").octet('F').longstr("\x01aA\x00\x00\x00\x03t\x01V")
	e.method(1, queueDeclare).short(0).shortstr("q").octet(0).longstr(string(args.buf)).end()
	e.method(1, queueBind).short(0).shortstr("q").shortstr("x").shortstr("#").octet(0).long(0).end()
	e.method(1, basicQos).long(0).short(1).octet(0).end()
	e.method(1, basicConsume).short(0).shortstr("q").shortstr("c").octet(0).long(0).end()
	e.method(1, basicConsume).short(0).shortstr(replyToName).shortstr("r").octet(2).long(0).end()
	for range 3 {
		e.method(1, basicPublish).short(0).shortstr("x").shortstr("a.b").octet(1).end()
		contentHeader(&e, 3, append([]byte{0x03, 0x00, byte(len(replyToName))}, replyToName+"\x0260"...)...)
		body(&e, "abc")
	}
	e.method(1, basicNack).longlong(1).octet(2).end()
	e.method(1, basicAck).longlong(2).octet(1).end()
	e.method(1, basicCancel).shortstr("c").octet(0).end()
	e.method(1, queueUnbind).short(0).shortstr("q").shortstr("x").shortstr("#").long(0).end()
	e.method(1, queuePurge).short(0).shortstr("q").octet(0).end()
	e.method(1, queueDelete).short(0).shortstr("q").octet(0).end()
	e.method(1, exchangeDelete).short(0).shortstr("x").octet(0).end()
	e.method(1, channelClose).short(200).shortstr("").long(0).end()
	return e.buf
}

// The pattern as a regular expression over words that each end in a dot is the
// oracle.
func TestTopicMatches(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b", "*", "#"})
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(word, 0, 7).Draw(t, "pattern"), ".")
		key := strings.Join(rapid.SliceOfN(word, 0, 7).Draw(t, "key"), ".")
		expr := "^"
		for w := range strings.SplitSeq(pattern, ".") {
			switch {
			case pattern == "":
			case w == "#":
				expr += `([^.]*\.)*`
			case w == "*":
				expr += `[^.]*\.`
			default:
				expr += regexp.QuoteMeta(w + ".")
			}
		}
		dotted := key + "."
		if key == "" {
			dotted = ""
		}
		want := regexp.MustCompile(expr + "$").MatchString(dotted)
		if got := topicMatches(pattern, key); got != want {
			t.Errorf("topicMatches(%q, %q) = %v, want %v", pattern, key, got, want)
		}
	})
}
