package history

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A frame is a record as it lies in the file:
//
//	magic 4 | checksum 4 | length of head 4 | length of body 4 | head | body
//
// The checksum is of all that follows it. No text in UTF-8 holds the magic, so
// that behind damage the next frame is found by it.
const (
	magic      = "\xffwg1"
	prefix     = 16
	maxFrame   = 4 << 20
	maxHead    = 64 << 10
	checkStart = 8
)

// errDamaged is said of what was changed since it was written.
var errDamaged = errors.New("damaged")

// head is the part of a record that is in memory as long as the record is kept.
type head struct {
	ID          string    `json:"id"`
	Proof       bool      `json:"proof,omitempty"` // the body is the proof, and the rest is left out
	Found       time.Time `json:"found,omitzero"`
	Confirmed   time.Time `json:"confirmed,omitzero"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Recurrence
}

// encode returns a frame.
func encode(h head, body []byte) ([]byte, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(text) > maxHead {
		return nil, fmt.Errorf("the ID of a deadlock has %d bytes", len(h.ID))
	}
	b := make([]byte, checkStart, prefix+len(text)+len(body))
	copy(b, magic)
	b = binary.BigEndian.AppendUint32(b, uint32(len(text))) //nolint:gosec // it is bounded
	b = binary.BigEndian.AppendUint32(b, uint32(len(body))) //nolint:gosec // its caller has bounded it
	b = append(append(b, text...), body...)
	binary.BigEndian.PutUint32(b[len(magic):], sum(b[checkStart:]))
	return b, nil
}

// length returns how long the frame is that begins with b, 0 if none does.
func length(b []byte) int {
	if len(b) < prefix || string(b[:len(magic)]) != magic {
		return 0
	}
	h, body := binary.BigEndian.Uint32(b[checkStart:]), binary.BigEndian.Uint32(b[checkStart+4:])
	if h > maxHead || body > maxFrame {
		return 0
	}
	return prefix + int(h) + int(body)
}

// decode returns what is in a frame.
func decode(b []byte) (h head, body []byte, err error) {
	if n := length(b); n == 0 || n != len(b) || binary.BigEndian.Uint32(b[len(magic):]) != sum(b[checkStart:]) {
		return h, nil, errDamaged
	}
	end := prefix + int(binary.BigEndian.Uint32(b[checkStart:]))
	if err := json.Unmarshal(b[prefix:end], &h); err != nil {
		return h, nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return h, b[end:], nil
}

// extent is where a frame lies.
type extent struct {
	at int64
	n  int
}

// scan tells found of each frame of r in turn. It returns where the last one
// ends, and how many stretches of r are none, but for a last one that was begun.
func scan(r io.Reader, found func(h head, e extent)) (end int64, damaged int, err error) {
	b := bufio.NewReaderSize(r, prefix+maxHead+maxFrame)
	at, inDamage, torn := int64(0), false, false
	for {
		h, n, err := peek(b)
		switch {
		case errors.Is(err, io.EOF):
			if inDamage && !torn {
				damaged++
			}
			return end, damaged, nil
		case err == nil:
			if inDamage {
				damaged, inDamage = damaged+1, false
			}
			found(h, extent{at, n})
			at += int64(discard(b, n))
			end = at
		case errors.Is(err, errDamaged):
			if n > 0 {
				torn = !inDamage && n > b.Buffered()
			}
			inDamage = true
			at += int64(discard(b, toNext(b)))
		default:
			return end, damaged, err
		}
	}
}

// peek returns the head and the length of the frame that r is at. Where none
// begins the length is 0, and errDamaged is told of it as of a damaged one.
func peek(r *bufio.Reader) (h head, n int, err error) {
	start, err := r.Peek(prefix)
	if err != nil {
		return h, 0, err
	}
	if n = length(start); n == 0 {
		return h, 0, errDamaged
	}
	frame, err := r.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, n, err
	}
	h, _, err = decode(frame)
	return h, n, err
}

// toNext returns how many bytes to pass over until a frame may begin.
func toNext(b *bufio.Reader) int {
	ahead, _ := b.Peek(b.Buffered()) // never more than there is
	if i := bytes.Index(ahead[1:], []byte(magic)); i >= 0 {
		return 1 + i
	}
	return len(ahead) - len(magic) + 1 // the magic may begin in the last bytes
}

func discard(b *bufio.Reader, n int) int {
	n, _ = b.Discard(n) // it has just been seen
	return n
}

func sum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
