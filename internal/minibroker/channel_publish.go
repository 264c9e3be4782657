package minibroker

import "bytes"

// incoming is a message that arrives: the method, then the header, then as many
// frames of body as it takes.
type incoming struct {
	message
	headed bool
	size   uint64
}

func (ch *channel) basicPublish(r *cursor) error {
	r.short()
	in := &incoming{message: message{exchange: r.shortstr(), key: r.shortstr()}}
	flags := r.bits()
	if err := r.end(); err != nil {
		return err
	}
	if immediate := flags.at(1); immediate {
		return refuse(notImplemented, "immediate=true")
	}
	in.mandatory = flags.at(0)
	ch.incoming = in
	return nil
}

func (ch *channel) header(payload []byte) error {
	in := ch.incoming
	if in == nil || in.headed {
		return refuse(unexpectedFrame, "expected method or body, got a content header")
	}
	r := &cursor{rest: payload}
	class, _, size := r.short(), r.short(), r.longlong()
	if r.bad || class != classBasic {
		return refuse(unexpectedFrame, "expected content header for class %d, got one for class %d instead", classBasic, class)
	}
	if size > maxBody {
		ch.incoming = nil
		return refuse(preconditionFailed, "message size %d is larger than configured max size %d", size, maxBody)
	}
	in.headed, in.size, in.properties = true, size, bytes.Clone(r.rest)
	if size == 0 {
		return ch.publish()
	}
	return nil
}

func (ch *channel) body(payload []byte) error {
	in := ch.incoming
	if in == nil || !in.headed || uint64(len(in.body)+len(payload)) > in.size {
		return refuse(unexpectedFrame, "expected method or content header, or less body")
	}
	in.body = append(in.body, payload...)
	if uint64(len(in.body)) == in.size {
		return ch.publish()
	}
	return nil
}

// publish routes the message that has arrived, and returns or confirms it.
func (ch *channel) publish() error {
	m := &ch.incoming.message
	ch.incoming = nil
	x, err := ch.vhost().lookupExchange(m.exchange)
	if err != nil {
		return err
	}
	if err := ch.check(m); err != nil {
		return err
	}
	taken := ch.route(x, m)
	if !ch.confirms {
		return nil
	}
	ch.published++
	if taken {
		ch.reply(basicAck).longlong(ch.published).octet(0).end()
	} else {
		ch.reply(basicNack).longlong(ch.published).octet(0).end()
	}
	return nil
}

// check reads what concerns the broker off the message's properties.
func (ch *channel) check(m *message) error {
	p, err := parseProperties(m.properties)
	if err != nil {
		return err
	}
	if p.hasUID && p.userID != user {
		return refuse(preconditionFailed, "user_id property set to '%s' but authenticated user was '%s'", p.userID, user)
	}
	if m.ttl, err = p.ttl(); err != nil {
		return err
	}
	if p.replyTo != replyToName {
		return nil
	}
	if ch.replyTo == nil {
		return refuse(preconditionFailed, "fast reply consumer does not exist")
	}
	m.properties = p.withReplyTo(m.properties, ch.replyTo.replyTo)
	return nil
}

// route gives the message to all queues that it reaches. It reports false if one
// of them rejected it.
func (ch *channel) route(x *exchange, m *message) bool {
	if x.name == "" && isReplyTo(m.key) {
		ch.vhost().sendReply(m)
	}
	queues := ch.vhost().route(x, m.key)
	if len(queues) == 0 && m.mandatory {
		ch.giveBack(m)
	}
	taken := true
	for _, q := range queues {
		taken = q.publish(m) && taken
	}
	return taken
}

// giveBack returns a mandatory message that reached no queue.
func (ch *channel) giveBack(m *message) {
	ch.reply(basicReturn).short(noRoute).shortstr("NO_ROUTE").shortstr(m.exchange).shortstr(m.key).end()
	ch.conn.content(ch.id, m)
}
