package wire

import (
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a protobuf message.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	bits  uint64 // of a varint or a fixed64
	bytes []byte // of a string or a message; a part of the input
}

// holds reports whether f is the length-delimited field num.
func (f field) holds(num protowire.Number) bool {
	return f.num == num && f.typ == protowire.BytesType
}

// fields calls visit for each field of a message, in the order of the input.
func fields(msg []byte, visit func(field) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		msg = msg[n:]
		f := field{num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			f.bits, n = protowire.ConsumeVarint(msg)
		case protowire.Fixed64Type:
			f.bits, n = protowire.ConsumeFixed64(msg)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		msg = msg[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// value is an AnyValue: the field of it that is set.
type value field

func parseValue(msg []byte) (v value, err error) {
	err = fields(msg, func(f field) error {
		v = value(f)
		return nil
	})
	return v, err
}

// parsePair reads a KeyValue.
func parsePair(msg []byte) (key []byte, v value, err error) {
	err = fields(msg, func(f field) (err error) {
		switch {
		case f.holds(keyValueKey):
			key = f.bytes
		case f.holds(keyValueValue):
			v, err = parseValue(f.bytes)
		}
		return err
	})
	return key, v, err
}

// visitPair reads a KeyValue and hands it on. An error names its key.
func visitPair(msg []byte, visit func(key []byte, v value) error) error {
	key, v, err := parsePair(msg)
	if err == nil {
		err = visit(key, v)
	}
	if err != nil && len(key) > 0 {
		return fmt.Errorf("%.40q: %w", key, err)
	}
	return err
}

// eachPair calls visit for each pair of a key-value list.
func (v value) eachPair(visit func(key []byte, v value) error) error {
	if !field(v).holds(valueList) {
		return v.not("a key-value list")
	}
	return fields(v.bytes, func(f field) error {
		if !f.holds(listPairs) {
			return nil
		}
		return visitPair(f.bytes, visit)
	})
}

// each calls visit for each value of an array.
func (v value) each(visit func(v value) error) error {
	if !field(v).holds(valueArray) {
		return v.not("an array")
	}
	return fields(v.bytes, func(f field) error {
		if !f.holds(arrayValues) {
			return nil
		}
		element, err := parseValue(f.bytes)
		if err != nil {
			return err
		}
		return visit(element)
	})
}

func (v value) not(what string) error {
	return fmt.Errorf("%w: not %s", ErrMalformed, what)
}

func text[S ~string](v value, to *S) error {
	if !field(v).holds(valueString) {
		return v.not("a string")
	}
	*to = S(v.bytes)
	return nil
}

func (v value) number(to *uint64) error {
	if v.num != valueInt || v.typ != protowire.VarintType {
		return v.not("an int")
	}
	*to = v.bits
	return nil
}

// count reads a number of things: what is too many for an int is so for everybody.
func (v value) count(to *int) error {
	var n uint64
	err := v.number(&n)
	*to = int(min(n, math.MaxInt32))
	return err
}

func (v value) flag(to *bool) error {
	if v.num != valueBool || v.typ != protowire.VarintType {
		return v.not("a bool")
	}
	*to = v.bits != 0
	return nil
}

func (v value) time(to *time.Time) error {
	var n uint64
	if err := v.number(&n); err != nil {
		return err
	}
	*to = time.Unix(0, int64(n)).UTC()
	return nil
}

// id reads hex digits into to, whose length they must have.
func (v value) id(to []byte) error {
	if !field(v).holds(valueString) || len(v.bytes) != hex.EncodedLen(len(to)) {
		return v.not("an ID in hex")
	}
	if _, err := hex.Decode(to, v.bytes); err != nil {
		return v.not("an ID in hex")
	}
	return nil
}

// name reads the name of one of a set.
func name[T any](v value, parse func(string) (T, bool), to *T) error {
	var s string
	if err := text(v, &s); err != nil {
		return err
	}
	t, ok := parse(s)
	if !ok {
		return fmt.Errorf("%w: unknown name %.40q", ErrMalformed, s)
	}
	*to = t
	return nil
}

// only returns the message in field num, of which there must be exactly one.
func only(msg []byte, num protowire.Number, what string) (found []byte, err error) {
	err = fields(msg, func(f field) error {
		switch {
		case !f.holds(num):
		case found != nil:
			return fmt.Errorf("%w: more than one %s", ErrMalformed, what)
		default:
			found = f.bytes
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: no %s", ErrMalformed, what)
	}
	return found, err
}

// attributes calls visit for each attribute of a log record.
func attributes(record []byte, visit func(key []byte, v value) error) error {
	return fields(record, func(f field) error {
		if !f.holds(recordAttributes) {
			return nil
		}
		return visitPair(f.bytes, visit)
	})
}

// entries calls visit for each pair of a body, which may be left out.
func entries(body value, visit func(key []byte, v value) error) error {
	if body.num == 0 {
		return nil
	}
	return body.eachPair(visit)
}

// list decodes an array of at most most elements.
func list[T any](v value, most int, decode func(value) (T, error)) (all []T, err error) {
	err = v.each(func(v value) error {
		if len(all) == most {
			return fmt.Errorf("%w: more than %d elements", ErrMalformed, most)
		}
		t, err := decode(v)
		if err != nil {
			return err
		}
		all = append(all, t)
		return nil
	})
	return all, err
}

// required refuses an element without the text that names it at once, so that
// many small elements cannot become much memory before they are validated.
func required(err error, what, s string) error {
	if err == nil && s == "" {
		err = fmt.Errorf("%w: no %s", ErrMalformed, what)
	}
	return err
}
