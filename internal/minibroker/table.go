package minibroker

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// maxNesting bounds tables and arrays within tables and arrays.
const maxNesting = 64

// field is one entry of a table: its value is kept in wire form.
type field struct {
	key   string
	kind  byte
	value []byte
}

// table is a field table in the order in which it came.
type table []field

// table reads a field table.
func (r *cursor) table() table {
	var t table
	in := cursor{rest: r.longstr()}
	for len(in.rest) > 0 && !in.bad {
		f := field{key: in.shortstr(), kind: in.octet()}
		f.value = in.value(f.kind, 1)
		t = append(t, f)
	}
	r.bad = r.bad || in.bad
	return t
}

// rawTable reads a field table and returns its encoding.
func (r *cursor) rawTable() []byte { return r.value('F', 0) }

// skipTable reads a field table for nothing but its validity.
func (r *cursor) skipTable(depth int) {
	in := cursor{rest: r.longstr()}
	for len(in.rest) > 0 && !in.bad {
		in.take(int(in.octet()))
		in.value(in.octet(), depth)
	}
	r.bad = r.bad || in.bad
}

func (r *cursor) skipArray(depth int) {
	in := cursor{rest: r.longstr()}
	for len(in.rest) > 0 && !in.bad {
		in.value(in.octet(), depth)
	}
	r.bad = r.bad || in.bad
}

// value reads a field's value and returns its wire form.
func (r *cursor) value(kind byte, depth int) []byte {
	before := r.rest
	switch kind {
	case 'V':
	case 't', 'b', 'B':
		r.take(1)
	case 's', 'u':
		r.take(2)
	case 'I', 'i', 'f':
		r.take(4)
	case 'D':
		r.take(5)
	case 'l', 'd', 'T':
		r.take(8)
	case 'S', 'x':
		r.longstr()
	case 'A', 'F':
		r.nested(kind, depth)
	default:
		r.bad = true
	}
	if r.bad {
		return nil
	}
	return before[:len(before)-len(r.rest)]
}

func (r *cursor) nested(kind byte, depth int) {
	switch {
	case depth >= maxNesting:
		r.bad = true
	case kind == 'A':
		r.skipArray(depth + 1)
	default:
		r.skipTable(depth + 1)
	}
}

// clone returns a copy that does not share memory with the frame.
func (t table) clone() table {
	c := slices.Clone(t)
	for i := range c {
		c[i].value = slices.Clone(c[i].value)
	}
	return c
}

func (t table) lookup(key string) (field, bool) {
	i := slices.IndexFunc(t, func(f field) bool { return f.key == key })
	if i < 0 {
		return field{}, false
	}
	return t[i], true
}

// table returns the entry's value as a table, empty if it is none.
func (f field) table() table {
	if f.kind != 'F' {
		return nil
	}
	in := cursor{rest: f.value}
	return in.table()
}

// bool returns the entry's value, false if it is no boolean.
func (f field) bool() bool { return f.kind == 't' && f.value[0] != 0 }

// text returns the entry's value as a string, and whether it is one.
func (f field) text() (string, bool) {
	if f.kind != 'S' {
		return "", false
	}
	return string(f.value[4:]), true
}

// integer returns the entry's value as a number, and whether it is a whole one.
func (f field) integer() (int64, bool) {
	switch f.kind {
	case 'b':
		return int64(int8(f.value[0])), true
	case 'B':
		return int64(f.value[0]), true
	case 's':
		return int64(int16(binary.BigEndian.Uint16(f.value))), true
	case 'u':
		return int64(binary.BigEndian.Uint16(f.value)), true
	case 'I':
		return int64(int32(binary.BigEndian.Uint32(f.value))), true
	case 'i':
		return int64(binary.BigEndian.Uint32(f.value)), true
	case 'l':
		return int64(binary.BigEndian.Uint64(f.value)), true
	}
	return 0, false
}

// kindNames are RabbitMQ's words for the types of fields.
var kindNames = map[byte]string{
	't': "bool", 'b': "byte", 'B': "unsignedbyte", 's': "short", 'u': "unsignedshort",
	'I': "signedint", 'i': "unsignedint", 'l': "long", 'f': "float", 'd': "double", 'D': "decimal",
	'S': "longstr", 'x': "binary", 'T': "timestamp", 'A': "array", 'F': "table", 'V': "void",
}

// any returns the value for people to read.
func (f field) any() any {
	if n, ok := f.integer(); ok {
		return n
	}
	if s, ok := f.text(); ok {
		return s
	}
	switch f.kind {
	case 't':
		return f.bool()
	case 'd':
		return math.Float64frombits(binary.BigEndian.Uint64(f.value))
	}
	return f.value
}

// String describes the value as RabbitMQ does in its refusals.
func (f field) String() string {
	return fmt.Sprintf("the value '%v' of type '%s'", f.any(), kindNames[f.kind])
}

// equivalent reports whether two values mean the same: whole numbers compare by
// value whatever their width, others by kind and value.
func (f field) equivalent(g field) bool {
	if a, ok := f.integer(); ok {
		b, ok := g.integer()
		return ok && a == b
	}
	return f.kind == g.kind && string(f.value) == string(g.value)
}
