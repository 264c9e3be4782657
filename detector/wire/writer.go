package wire

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// writer appends protobuf messages. The functions that it is given fill the
// message that it has begun.
type writer struct {
	b []byte
}

// message appends a field that holds a message.
func (w *writer) message(num protowire.Number, fill func()) {
	w.b = protowire.AppendTag(w.b, num, protowire.BytesType)
	w.b = append(w.b, 0) // most messages are shorter than 128 bytes
	start := len(w.b)
	fill()
	n := len(w.b) - start
	size := protowire.SizeVarint(uint64(n))
	for range size - 1 {
		w.b = append(w.b, 0)
	}
	copy(w.b[start-1+size:], w.b[start:start+n])
	protowire.AppendVarint(w.b[:start-1], uint64(n))
}

func (w *writer) bytes(num protowire.Number, b []byte) {
	w.b = protowire.AppendTag(w.b, num, protowire.BytesType)
	w.b = protowire.AppendBytes(w.b, b)
}

func (w *writer) string(num protowire.Number, s string) {
	w.b = protowire.AppendTag(w.b, num, protowire.BytesType)
	w.b = protowire.AppendString(w.b, s)
}

func (w *writer) varint(num protowire.Number, n uint64) {
	w.b = protowire.AppendTag(w.b, num, protowire.VarintType)
	w.b = protowire.AppendVarint(w.b, n)
}

func (w *writer) fixed64(num protowire.Number, n uint64) {
	w.b = protowire.AppendTag(w.b, num, protowire.Fixed64Type)
	w.b = protowire.AppendFixed64(w.b, n)
}

// pairs appends KeyValue messages, all in one field of the message around them.
type pairs struct {
	*writer
	num protowire.Number
}

func (p pairs) pair(key string, value func()) {
	p.message(p.num, func() {
		p.string(keyValueKey, key)
		p.message(keyValueValue, value)
	})
}

func (p pairs) text(key, s string) {
	if s != "" {
		p.pair(key, func() { p.string(valueString, s) })
	}
}

func (p pairs) number(key string, n uint64) {
	if n != 0 {
		p.pair(key, func() { p.varint(valueInt, n) })
	}
}

func (p pairs) flag(key string, set bool) {
	if set {
		p.pair(key, func() { p.varint(valueBool, 1) })
	}
}

func (p pairs) time(key string, t time.Time) {
	if !t.IsZero() {
		p.pair(key, func() { p.varint(valueInt, nanos(t)) })
	}
}

// array appends an array of n values; fill fills value i.
func (p pairs) array(key string, n int, fill func(i int)) {
	if n == 0 {
		return
	}
	p.pair(key, func() {
		p.message(valueArray, func() {
			for i := range n {
				p.message(arrayValues, func() { fill(i) })
			}
		})
	})
}

// lists appends an array of n key-value lists.
func (p pairs) lists(key string, n int, fill func(i int, list pairs)) {
	p.array(key, n, func(i int) {
		p.message(valueList, func() { fill(i, pairs{p.writer, listPairs}) })
	})
}

var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

// nanos returns t in nanoseconds since 1970, or as near as 64 bits come.
func nanos(t time.Time) uint64 {
	switch {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	return uint64(t.UnixNano())
}
