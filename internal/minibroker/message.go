package minibroker

import (
	"slices"
	"strconv"
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
	replyTo, expiration, userID       string
	hasReplyTo, hasExpiration, hasUID bool
	replyToAt                         int // offset of the reply-to in the encoded properties
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
			p.replyTo, p.hasReplyTo, p.replyToAt = r.shortstr(), true, at
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

// ttl reads the expiration, negative if there is none.
func (p properties) ttl() (time.Duration, error) {
	if !p.hasExpiration {
		return -1, nil
	}
	ms, err := strconv.ParseUint(p.expiration, 10, 32)
	if err != nil {
		return 0, refuse(preconditionFailed, "invalid expiration '%s'", p.expiration)
	}
	return time.Duration(ms) * time.Millisecond, nil
}
