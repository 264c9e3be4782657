package minibroker

import "encoding/binary"

// cursor reads fields off a payload. Past its end it yields zeros and remembers;
// end tells.
type cursor struct {
	rest []byte
	bad  bool
}

// end reports whether the payload held exactly the fields that were read.
func (r *cursor) end() error {
	if r.bad || len(r.rest) > 0 {
		return refuse(syntaxError, "malformed method arguments")
	}
	return nil
}

func (r *cursor) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.rest) {
		r.bad = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *cursor) octet() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *cursor) short() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *cursor) long() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *cursor) longlong() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *cursor) shortstr() string { return string(r.take(int(r.octet()))) }

func (r *cursor) longstr() []byte { return r.take(int(r.long())) }

// bits are up to eight flags that share an octet.
type bits byte

func (r *cursor) bits() bits { return bits(r.octet()) }

func (b bits) at(i int) bool { return b>>i&1 != 0 }
