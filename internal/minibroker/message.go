package minibroker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody is the greatest message body in bytes, RabbitMQ's default.
const maxBody = 128 << 20

// message is one published message. It is shared by the queues that it reached
// and does not change.
type message struct {
	exchange, key string
	properties    []byte // flags and property list as they came, so that every type of header round-trips
	body          []byte
	ttl           time.Duration // negative: none
	mandatory     bool
}

// propertyKinds tells how the properties are encoded, from the flags' highest bit
// down: s short string, F table, o octet, l 8 bytes.
const propertyKinds = "ssFoosssslssss"

const (
	propertyReplyTo    = 6
	propertyExpiration = 7
	propertyUserID     = 11
)

// properties are those that concern the broker.
type properties struct {
	replyTo, expiration, userID string
	hasExpiration, hasUID       bool
	replyToAt                   int // offset of the reply-to in the encoded properties
}

// parseProperties checks a whole property list.
func parseProperties(encoded []byte) (properties, error) {
	var p properties
	r := &cursor{rest: encoded}
	flags := r.short()
	for i, kind := range propertyKinds {
		if flags>>(15-i)&1 == 0 {
			continue
		}
		at := len(encoded) - len(r.rest)
		switch {
		case kind == 'F':
			r.skipTable(1)
		case kind == 'o':
			r.octet()
		case kind == 'l':
			r.longlong()
		case i == propertyReplyTo:
			p.replyTo, p.replyToAt = r.shortstr(), at
		case i == propertyExpiration:
			p.expiration, p.hasExpiration = r.shortstr(), true
		case i == propertyUserID:
			p.userID, p.hasUID = r.shortstr(), true
		default:
			r.take(int(r.octet()))
		}
	}
	r.bad = r.bad || flags&3 != 0
	return p, r.end()
}

// withReplyTo returns the encoded properties with another reply-to.
func (p properties) withReplyTo(encoded []byte, replyTo string) []byte {
	end := p.replyToAt + 1 + len(p.replyTo)
	return slices.Concat(encoded[:p.replyToAt], []byte{byte(len(replyTo))}, []byte(replyTo), encoded[end:])
}

// maxLife is the greatest TTL or x-expires in milliseconds: ten years.
const maxLife = 315_360_000_000

// ttl reads the expiration, negative if there is none.
func (p properties) ttl() (time.Duration, error) {
	if !p.hasExpiration {
		return -1, nil
	}
	invalid := func(why string) error {
		return refuse(preconditionFailed, "invalid expiration '%s': %s", p.expiration, why)
	}
	digits := strings.TrimLeft(p.expiration, "+-")
	n, err := strconv.ParseInt(p.expiration, 10, 64)
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	switch {
	case end == 0, digits == "":
		return 0, invalid("no_integer")
	case end > 0:
		return 0, invalid(fmt.Sprintf("{leftover_string,%q}", digits[end:]))
	case n < 0:
		return 0, invalid(fmt.Sprintf("{value_negative,%s}", p.expiration))
	case err != nil, n > maxLife:
		return 0, invalid(fmt.Sprintf("{value_too_large,%s}", p.expiration))
	}
	return time.Duration(n) * time.Millisecond, nil
}
