package minibroker

import (
	"bufio"
	"encoding/binary"
	"io"
)

// A frame is 7 bytes of header, the payload and an end mark.
//
//	kind  channel  size   payload       end
//	1     2        4      size bytes    0xCE
const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8

	frameEnd      = 0xCE
	frameOverhead = 8 // bytes around the payload

	// frameMaxUntuned is the greatest frame before tuning, and the least that
	// tuning may agree on.
	frameMaxUntuned = 4096
)

// frame is one frame received. The payload is valid until the next is read.
type frame struct {
	kind    byte
	channel uint16
	payload []byte
}

// frameReader reads frames of at most max bytes.
type frameReader struct {
	r      *bufio.Reader
	max    int
	header [7]byte
	buf    []byte
}

// next reads one frame. A malformed one is a *replyError, anything else an error
// of the network.
func (fr *frameReader) next() (frame, error) {
	if _, err := io.ReadFull(fr.r, fr.header[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: fr.header[0], channel: binary.BigEndian.Uint16(fr.header[1:])}
	size := int64(binary.BigEndian.Uint32(fr.header[3:]))
	if size > int64(fr.max-frameOverhead) {
		return frame{}, refuse(frameError, "type %d, frame_too_large,%d,%d", f.kind, size, fr.max-frameOverhead)
	}
	if int64(cap(fr.buf)) <= size {
		fr.buf = make([]byte, size+1)
	}
	fr.buf = fr.buf[:size+1]
	if _, err := io.ReadFull(fr.r, fr.buf); err != nil {
		return frame{}, err
	}
	if end := fr.buf[size]; end != frameEnd {
		return frame{}, refuse(frameError, "type %d, invalid_frame_end_marker,%d", f.kind, end)
	}
	f.payload = fr.buf[:size]
	return f, nil
}

// encoder appends frames to a buffer. Between begin and end each call appends
// one field of the frame.
type encoder struct {
	buf   []byte
	start int // of the frame begun
}

func (e *encoder) begin(kind byte, channel uint16) *encoder {
	e.start = len(e.buf)
	e.buf = append(e.buf, kind, byte(channel>>8), byte(channel), 0, 0, 0, 0)
	return e
}

func (e *encoder) end() {
	binary.BigEndian.PutUint32(e.buf[e.start+3:], uint32(len(e.buf)-e.start-7))
	e.buf = append(e.buf, frameEnd)
}

func (e *encoder) method(channel uint16, id methodID) *encoder {
	return e.begin(frameMethod, channel).long(uint32(id))
}

// content appends a message's header and its body in frames of at most frameMax.
func (e *encoder) content(channel uint16, m *message, frameMax int) {
	e.begin(frameHeader, channel).short(classBasic).short(0).longlong(uint64(len(m.body)))
	e.buf = append(e.buf, m.properties...)
	e.end()
	for body := m.body; len(body) > 0; {
		n := min(len(body), frameMax-frameOverhead)
		e.begin(frameBody, channel)
		e.buf = append(e.buf, body[:n]...)
		e.end()
		body = body[n:]
	}
}

func (e *encoder) octet(v byte) *encoder {
	e.buf = append(e.buf, v)
	return e
}

// bit appends a lone bit, which takes an octet.
func (e *encoder) bit(v bool) *encoder {
	if v {
		return e.octet(1)
	}
	return e.octet(0)
}

func (e *encoder) short(v uint16) *encoder {
	e.buf = binary.BigEndian.AppendUint16(e.buf, v)
	return e
}

func (e *encoder) long(v uint32) *encoder {
	e.buf = binary.BigEndian.AppendUint32(e.buf, v)
	return e
}

func (e *encoder) longlong(v uint64) *encoder {
	e.buf = binary.BigEndian.AppendUint64(e.buf, v)
	return e
}

// shortstr appends a string, cut at 255 bytes.
func (e *encoder) shortstr(s string) *encoder {
	s = s[:min(len(s), 255)]
	e.buf = append(append(e.buf, byte(len(s))), s...)
	return e
}

func (e *encoder) longstr(s string) *encoder {
	e.long(uint32(len(s)))
	e.buf = append(e.buf, s...)
	return e
}
