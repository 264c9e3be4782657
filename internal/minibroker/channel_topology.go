package minibroker

import "slices"

// The methods of the classes exchange and queue.

func (ch *channel) exchangeDeclare(r *cursor) error {
	r.short()
	name, kind, flags, args := r.shortstr(), r.shortstr(), r.bits(), r.table()
	passive, durable, autoDelete, internal, noWait := flags.at(0), flags.at(1), flags.at(2), flags.at(3), flags.at(4)
	if err := r.end(); err != nil {
		return err
	}
	var err error
	_, alternate := args.lookup("alternate-exchange")
	switch {
	case passive && name == "":
		err = errDefaultExchange()
	case passive:
		_, err = ch.vhost().lookupExchange(name)
	case internal, alternate:
		err = refuse(notImplemented, "internal and alternate exchanges")
	default:
		err = ch.vhost().declareExchange(name, exchangeSpec{kind: kind, durable: durable, autoDelete: autoDelete})
	}
	if err == nil && !noWait {
		ch.reply(exchangeDeclareOK).end()
	}
	return err
}

func (ch *channel) exchangeDelete(r *cursor) error {
	r.short()
	name, flags := r.shortstr(), r.bits()
	ifUnused, noWait := flags.at(0), flags.at(1)
	if err := r.end(); err != nil {
		return err
	}
	if err := ch.vhost().deleteExchange(name, ifUnused); err != nil {
		return err
	}
	if !noWait {
		ch.reply(exchangeDeleteOK).end()
	}
	return nil
}

func (ch *channel) queueDeclare(r *cursor) error {
	r.short()
	name, flags, args := r.shortstr(), r.bits(), r.table()
	passive, noWait := flags.at(0), flags.at(4)
	spec := queueSpec{durable: flags.at(1), exclusive: flags.at(2), autoDelete: flags.at(3), args: args.clone()}
	if err := r.end(); err != nil {
		return err
	}
	if isReplyTo(name) {
		return ch.declareReplyTo(name, noWait)
	}
	q, err := ch.declare(name, passive, spec)
	if err != nil {
		return err
	}
	ch.lastQueue = q.name
	if !noWait {
		ch.reply(queueDeclareOK).shortstr(q.name).long(uint32(q.count())).long(uint32(len(q.consumers))).end()
	}
	return nil
}

func (ch *channel) declare(name string, passive bool, spec queueSpec) (*queue, error) {
	if !passive {
		return ch.vhost().declareQueue(name, ch.conn, spec)
	}
	q, err := ch.lookup(name)
	if err == nil {
		q.renew()
	}
	return q, err
}

// lookup finds a queue by name, the one last declared if the name is empty.
func (ch *channel) lookup(name string) (*queue, error) {
	if name == "" {
		name = ch.lastQueue
	}
	if name == "" {
		return nil, refuse(notFound, "no previously declared queue")
	}
	return ch.vhost().lookup(name, ch.conn)
}

func (ch *channel) queueBind(r *cursor) error {
	r.short()
	name, source, key, flags, args := r.shortstr(), r.shortstr(), r.shortstr(), r.bits(), r.rawTable()
	if err := r.end(); err != nil {
		return err
	}
	if source == "" {
		return errDefaultExchange()
	}
	q, err := ch.lookup(name)
	if err != nil {
		return err
	}
	x, err := ch.vhost().lookupExchange(source)
	if err != nil {
		return err
	}
	if name == "" && key == "" {
		key = q.name
	}
	x.bind(binding{queue: q, key: key, args: string(args)})
	if noWait := flags.at(0); !noWait {
		ch.reply(queueBindOK).end()
	}
	return nil
}

func (ch *channel) queueUnbind(r *cursor) error {
	r.short()
	name, source, key, args := r.shortstr(), r.shortstr(), r.shortstr(), r.rawTable()
	if err := r.end(); err != nil {
		return err
	}
	if name == "" {
		name = ch.lastQueue
	}
	if err := ch.unbind(name, source, key, string(args)); err != nil {
		return err
	}
	ch.reply(queueUnbindOK).end()
	return nil
}

// unbind removes a binding, if there is one.
func (ch *channel) unbind(name, source, key, args string) error {
	if source == "" {
		return errDefaultExchange()
	}
	x, ok := ch.vhost().exchanges[source]
	b := binding{queue: ch.vhost().queues[name], key: key, args: args}
	if !ok || !slices.Contains(x.bindings, b) {
		return nil
	}
	if err := b.queue.access(ch.conn); err != nil {
		return err
	}
	ch.vhost().unbindAll(x, func(other binding) bool { return other == b })
	return nil
}

func (ch *channel) queuePurge(r *cursor) error {
	r.short()
	name, flags := r.shortstr(), r.bits()
	if err := r.end(); err != nil {
		return err
	}
	q, err := ch.lookup(name)
	if err != nil {
		return err
	}
	n := q.count()
	q.ready, q.bytes = nil, 0
	if noWait := flags.at(0); !noWait {
		ch.reply(queuePurgeOK).long(uint32(n)).end()
	}
	return nil
}

func (ch *channel) queueDelete(r *cursor) error {
	r.short()
	name, flags := r.shortstr(), r.bits()
	ifUnused, ifEmpty, noWait := flags.at(0), flags.at(1), flags.at(2)
	if err := r.end(); err != nil {
		return err
	}
	n, err := ch.deleteQueue(name, ifUnused, ifEmpty)
	if err == nil && !noWait {
		ch.reply(queueDeleteOK).long(uint32(n)).end()
	}
	return err
}

// deleteQueue deletes a queue, which need not exist, and returns the number of
// messages that went with it.
func (ch *channel) deleteQueue(name string, ifUnused, ifEmpty bool) (int, error) {
	if _, ok := ch.vhost().queues[name]; !ok && name != "" {
		return 0, nil
	}
	q, err := ch.lookup(name)
	switch {
	case err != nil:
		return 0, err
	case ifUnused && len(q.consumers) > 0:
		return 0, refuse(preconditionFailed, "queue '%s' in vhost '/' in use", q.name)
	case ifEmpty && q.count() > 0:
		return 0, refuse(preconditionFailed, "queue '%s' in vhost '/' not empty", q.name)
	}
	return ch.vhost().deleteQueue(q), nil
}
