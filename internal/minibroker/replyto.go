package minibroker

import (
	"crypto/rand"
	"strings"
)

// Direct reply-to: a client consumes from the pseudo-queue amq.rabbitmq.reply-to
// and names it as the reply-to of its requests. The broker puts the channel's
// address in its place, and what is published to that address goes straight to
// the channel. It has reached no queue, so it comes back as well if it was mandatory.

const replyToName = "amq.rabbitmq.reply-to"

// isReplyTo reports whether the name is the pseudo-queue's or a channel's address.
func isReplyTo(name string) bool {
	rest, ok := strings.CutPrefix(name, replyToName)
	return ok && (rest == "" || rest[0] == '.')
}

func (ch *channel) subscribeReplyTo(cs *consumer) error {
	if ch.replyTo != nil {
		return refuse(preconditionFailed, "reply consumer already set")
	}
	if !cs.noAck {
		return refuse(preconditionFailed, "reply consumer cannot acknowledge")
	}
	cs.replyTo = replyToName + "." + rand.Text()
	ch.replyTo = cs
	ch.vhost().replyTo[cs.replyTo] = cs
	return nil
}

func (ch *channel) declareReplyTo(name string, noWait bool) error {
	if _, ok := ch.vhost().replyTo[name]; !ok && name != replyToName {
		return refuse(notFound, "no queue '%s' in vhost '/'", name)
	}
	if !noWait {
		ch.reply(queueDeclareOK).shortstr(name).long(0).long(1).end()
	}
	return nil
}

// sendReply hands a reply to the channel at the address, if it is still there.
func (v *vhost) sendReply(m *message) {
	if cs, ok := v.replyTo[m.key]; ok {
		cs.send(m, false)
	}
}
