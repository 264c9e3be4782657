package minibroker

import "slices"

// channel is one channel of a connection. Its methods run under the broker's
// lock.
type channel struct {
	id   uint16
	conn *conn

	consumers []*consumer
	replyTo   *consumer // of direct reply-to
	prefetch  int       // of consumers to come

	unacked  []*delivery // by tag
	lastTag  uint64
	incoming *incoming // a message whose content is still arriving

	confirms  bool
	published uint64 // messages, since confirms were selected

	method    methodID // being carried out
	lastQueue string   // declared on this channel; the queue that an empty name means
	closing   bool     // it gets no more deliveries, and no frame of the client counts before close-ok
}

func (ch *channel) vhost() *vhost { return ch.conn.broker.vhost }

// reply begins a method to the client; end ends it.
func (ch *channel) reply(id methodID) *encoder { return ch.conn.method(ch.id, id) }

// receive carries out one frame.
func (ch *channel) receive(f frame) error {
	switch f.kind {
	case frameMethod:
		if ch.incoming != nil {
			return refuse(unexpectedFrame, "expected content frame, got a method")
		}
		r := &cursor{rest: f.payload}
		ch.method = methodID(r.long())
		return ch.call(r)
	case frameHeader:
		return ch.header(f.payload)
	default:
		return ch.body(f.payload)
	}
}

func (ch *channel) call(r *cursor) error {
	switch ch.method {
	case channelOpen:
		return refuse(channelError, "second 'channel.open' seen")
	case channelClose:
		return ch.closed(r)
	case exchangeDeclare:
		return ch.exchangeDeclare(r)
	case exchangeDelete:
		return ch.exchangeDelete(r)
	case queueDeclare:
		return ch.queueDeclare(r)
	case queueBind:
		return ch.queueBind(r)
	case queueUnbind:
		return ch.queueUnbind(r)
	case queuePurge:
		return ch.queuePurge(r)
	case queueDelete:
		return ch.queueDelete(r)
	case basicQos:
		return ch.basicQos(r)
	case basicConsume:
		return ch.basicConsume(r)
	case basicCancel:
		return ch.basicCancel(r)
	case basicCancelOK:
		return nil
	case basicPublish:
		return ch.basicPublish(r)
	case basicAck:
		return ch.basicAck(r)
	case basicReject:
		return ch.basicReject(r)
	case basicNack:
		return ch.basicNack(r)
	case confirmSelect:
		return ch.confirmSelect(r)
	}
	return refuse(notImplemented, "%v", ch.method)
}

func (ch *channel) closed(r *cursor) error {
	_, _, _, _ = r.short(), r.shortstr(), r.short(), r.short()
	if err := r.end(); err != nil {
		return err
	}
	ch.release()
	delete(ch.conn.channels, ch.id)
	ch.reply(channelCloseOK).end()
	return nil
}

// release gives up all that the channel holds: first the messages, so that they
// are back in their places when others take over from its consumers.
func (ch *channel) release() {
	ch.closing = true
	held := ch.unacked
	ch.unacked, ch.incoming = nil, nil
	requeue(held)
	for len(ch.consumers) > 0 {
		ch.consumers[0].leave()
	}
}

// settle takes the deliveries that a tag means out of the unacknowledged ones.
func (ch *channel) settle(tag uint64, multiple bool) ([]*delivery, error) {
	if multiple && tag == 0 {
		all := ch.unacked
		ch.unacked = nil
		return settled(all), nil
	}
	i, ok := slices.BinarySearchFunc(ch.unacked, tag, func(d *delivery, tag uint64) int {
		if d.tag < tag {
			return -1
		}
		return int(min(d.tag-tag, 1))
	})
	if !ok {
		return nil, refuse(preconditionFailed, "unknown delivery tag %d", tag)
	}
	if multiple {
		all := ch.unacked[: i+1 : i+1]
		ch.unacked = ch.unacked[i+1:]
		return settled(all), nil
	}
	one := []*delivery{ch.unacked[i]}
	if i == 0 { // the usual case, which should not move all the others
		ch.unacked[0] = nil
		ch.unacked = ch.unacked[1:]
	} else {
		ch.unacked = slices.Delete(ch.unacked, i, i+1)
	}
	return settled(one), nil
}

func settled(ds []*delivery) []*delivery {
	for _, d := range ds {
		d.consumer.unacked--
	}
	return ds
}

// requeue puts the messages back, queue by queue in the order of the first of each.
func requeue(ds []*delivery) {
	var order []*queue
	entries := map[*queue][]*entry{}
	for _, d := range ds {
		q := d.consumer.queue
		if entries[q] == nil {
			order = append(order, q)
		}
		entries[q] = append(entries[q], d.entry)
	}
	for _, q := range order {
		q.requeue(entries[q])
	}
}
