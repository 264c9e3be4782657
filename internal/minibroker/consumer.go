package minibroker

import "slices"

// consumer is a subscription of a channel to a queue. That of direct reply-to has
// no queue but an address.
type consumer struct {
	tag       string
	ch        *channel
	queue     *queue
	replyTo   string
	noAck     bool
	exclusive bool
	prefetch  int // messages it may have unacknowledged; 0: any number
	unacked   int
}

// delivery is a message that a client has and has not acknowledged.
type delivery struct {
	tag      uint64
	entry    *entry
	consumer *consumer
}

// ready reports whether the consumer can take a message.
func (cs *consumer) ready() bool {
	free := cs.noAck || cs.prefetch == 0 || cs.unacked < cs.prefetch
	return free && !cs.ch.closing && cs.ch.conn.accepts()
}

func (cs *consumer) deliver(e *entry) {
	cs.send(e.message, e.redelivered)
	if !cs.noAck {
		cs.unacked++
		cs.ch.unacked = append(cs.ch.unacked, &delivery{tag: cs.ch.lastTag, entry: e, consumer: cs})
	}
}

func (cs *consumer) send(m *message, redelivered bool) {
	ch := cs.ch
	ch.lastTag++
	ch.reply(basicDeliver).shortstr(cs.tag).longlong(ch.lastTag).bit(redelivered).shortstr(m.exchange).shortstr(m.key).end()
	ch.conn.content(ch.id, m)
}

// cancelled ends a consumer whose queue is gone, and tells the client if it wants
// to know.
func (cs *consumer) cancelled() {
	ch := cs.ch
	ch.consumers = slices.DeleteFunc(ch.consumers, func(c *consumer) bool { return c == cs })
	if ch.conn.capable("consumer_cancel_notify") {
		const noWait = true
		ch.conn.method(ch.id, basicCancel).shortstr(cs.tag).bit(noWait).end()
	}
}

// leave ends a consumer from the client's side.
func (cs *consumer) leave() {
	ch := cs.ch
	ch.consumers = slices.DeleteFunc(ch.consumers, func(c *consumer) bool { return c == cs })
	if cs.queue != nil {
		cs.queue.unsubscribe(cs)
		return
	}
	delete(ch.vhost().replyTo, cs.replyTo)
	ch.replyTo = nil
}
