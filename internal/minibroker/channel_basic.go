package minibroker

import (
	"crypto/rand"
	"slices"
)

// The methods of the class basic that take messages out of queues.

func (ch *channel) basicQos(r *cursor) error {
	size, count, flags := r.long(), r.short(), r.bits()
	if err := r.end(); err != nil {
		return err
	}
	if size != 0 {
		return refuse(notImplemented, "prefetch_size!=0 (%d)", size)
	}
	if global := flags.at(0); global {
		return refuse(notImplemented, "global prefetch")
	}
	ch.prefetch = int(count)
	ch.reply(basicQosOK).end()
	return nil
}

func (ch *channel) basicConsume(r *cursor) error {
	r.short()
	name, tag, flags, args := r.shortstr(), r.shortstr(), r.bits(), r.table()
	noAck, exclusive, noWait := flags.at(1), flags.at(2), flags.at(3)
	if err := r.end(); err != nil {
		return err
	}
	if _, ok := args.lookup("x-priority"); ok {
		return refuse(notImplemented, "consumer priorities")
	}
	if tag == "" {
		tag = "amq.ctag-" + rand.Text()
	}
	if ch.consumer(tag) != nil {
		return refuse(notAllowed, "attempt to reuse consumer tag '%s'", tag)
	}
	cs := &consumer{tag: tag, ch: ch, noAck: noAck, exclusive: exclusive, prefetch: ch.prefetch}
	if err := ch.subscribe(cs, name); err != nil {
		return err
	}
	ch.consumers = append(ch.consumers, cs)
	if !noWait {
		ch.reply(basicConsumeOK).shortstr(tag).end()
	}
	if cs.queue != nil {
		cs.queue.run()
	}
	return nil
}

func (ch *channel) subscribe(cs *consumer, name string) error {
	if name == replyToName {
		return ch.subscribeReplyTo(cs)
	}
	q, err := ch.lookup(name)
	if err != nil {
		return err
	}
	cs.queue = q
	return q.subscribe(cs)
}

func (ch *channel) consumer(tag string) *consumer {
	i := slices.IndexFunc(ch.consumers, func(cs *consumer) bool { return cs.tag == tag })
	if i < 0 {
		return nil
	}
	return ch.consumers[i]
}

func (ch *channel) basicCancel(r *cursor) error {
	tag, flags := r.shortstr(), r.bits()
	if err := r.end(); err != nil {
		return err
	}
	if cs := ch.consumer(tag); cs != nil {
		cs.leave()
	}
	if noWait := flags.at(0); !noWait {
		ch.reply(basicCancelOK).shortstr(tag).end()
	}
	return nil
}

func (ch *channel) basicAck(r *cursor) error {
	tag, flags := r.longlong(), r.bits()
	if err := r.end(); err != nil {
		return err
	}
	return ch.acknowledge(tag, flags.at(0), false)
}

func (ch *channel) basicReject(r *cursor) error {
	tag, flags := r.longlong(), r.bits()
	if err := r.end(); err != nil {
		return err
	}
	return ch.acknowledge(tag, false, flags.at(0))
}

func (ch *channel) basicNack(r *cursor) error {
	tag, flags := r.longlong(), r.bits()
	if err := r.end(); err != nil {
		return err
	}
	return ch.acknowledge(tag, flags.at(0), flags.at(1))
}

// acknowledge ends deliveries, for good or by putting the messages back.
func (ch *channel) acknowledge(tag uint64, multiple, back bool) error {
	ds, err := ch.settle(tag, multiple)
	if err != nil {
		return err
	}
	if back {
		requeue(ds)
		return nil
	}
	for _, d := range ds {
		d.consumer.queue.run()
	}
	return nil
}

// confirmSelect makes the broker confirm each message from now on.
func (ch *channel) confirmSelect(r *cursor) error {
	flags := r.bits()
	if err := r.end(); err != nil {
		return err
	}
	ch.confirms = true
	if noWait := flags.at(0); !noWait {
		ch.reply(confirmSelectOK).end()
	}
	return nil
}
