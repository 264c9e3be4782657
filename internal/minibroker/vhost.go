package minibroker

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"
)

// vhost is the broker's state: what there is by name. It does no I/O and reads no
// clock; the broker's lock guards it and all that hangs on it.
type vhost struct {
	now       time.Time
	exchanges map[string]*exchange
	queues    map[string]*queue
	replyTo   map[string]*consumer // direct reply-to, by address

	leased map[*queue]struct{} // queues with x-expires
	expiry time.Time           // no queue expires before; zero: none does

	round uint64 // of routing, to find each queue once
}

func newVhost() *vhost {
	v := &vhost{
		exchanges: map[string]*exchange{},
		queues:    map[string]*queue{},
		replyTo:   map[string]*consumer{},
		leased:    map[*queue]struct{}{},
	}
	for _, kind := range []string{"direct", "fanout", "topic"} {
		v.exchanges["amq."+kind] = &exchange{name: "amq." + kind, exchangeSpec: exchangeSpec{kind: kind, durable: true}}
	}
	v.exchanges[""] = &exchange{exchangeSpec: exchangeSpec{kind: "direct", durable: true}}
	return v
}

// advance moves time on and deletes the queues whose lease has ended.
func (v *vhost) advance(now time.Time) {
	v.now = now
	if v.expiry.IsZero() || now.Before(v.expiry) {
		return
	}
	var due []*queue
	v.expiry = time.Time{}
	for q := range v.leased {
		switch end := q.leaseEnd(); {
		case end.IsZero():
		case end.After(now):
			v.noteExpiry(end)
		default:
			due = append(due, q)
		}
	}
	for _, q := range due {
		v.deleteQueue(q)
	}
}

func (v *vhost) noteExpiry(t time.Time) {
	if v.expiry.IsZero() || t.Before(v.expiry) {
		v.expiry = t
	}
}

// lookup finds a queue for a connection that wants to use it.
func (v *vhost) lookup(name string, c *conn) (*queue, error) {
	q, ok := v.queues[name]
	if !ok {
		return nil, refuse(notFound, "no queue '%s' in vhost '/'", name)
	}
	return q, q.access(c)
}

// declareQueue returns the queue of that name, creating it if there is none.
func (v *vhost) declareQueue(name string, owner *conn, spec queueSpec) (*queue, error) {
	if q, ok := v.queues[name]; ok {
		if err := q.sameAs(spec, owner); err != nil {
			return nil, err
		}
		q.renew()
		return q, nil
	}
	if name == "" {
		name = "amq.gen-" + rand.Text()
	} else if reserved(name) {
		return nil, refuse(accessRefused, "queue name '%s' contains reserved prefix 'amq.*'", name)
	}
	q, err := newQueue(v, name, spec)
	if err != nil {
		return nil, err
	}
	if spec.exclusive {
		q.owner = owner
		owner.exclusive[q] = struct{}{}
	}
	v.queues[name] = q
	q.renew()
	return q, nil
}

func reserved(name string) bool { return strings.HasPrefix(name, "amq.") }

// deleteQueue removes the queue, tells its consumers and returns the number of
// its ready messages.
func (v *vhost) deleteQueue(q *queue) int {
	n := q.count()
	q.deleted = true
	delete(v.queues, q.name)
	delete(v.leased, q)
	if q.owner != nil {
		delete(q.owner.exclusive, q)
	}
	for _, x := range v.exchanges {
		v.unbindAll(x, func(b binding) bool { return b.queue == q })
	}
	for _, cs := range q.consumers {
		cs.cancelled()
	}
	q.consumers, q.ready, q.bytes = nil, nil, 0
	return n
}

// unbindAll removes the bindings for which gone holds, and the exchange with its
// last binding if it is auto-delete.
func (v *vhost) unbindAll(x *exchange, gone func(binding) bool) {
	before := len(x.bindings)
	x.bindings = slices.DeleteFunc(x.bindings, gone)
	if x.autoDelete && before > 0 && len(x.bindings) == 0 {
		delete(v.exchanges, x.name)
	}
}

// route returns the queues that a message reaches, each once.
func (v *vhost) route(x *exchange, key string) []*queue {
	if x.name == "" {
		if q, ok := v.queues[key]; ok {
			return []*queue{q}
		}
		return nil
	}
	v.round++
	var found []*queue
	for _, b := range x.bindings {
		if b.queue.round != v.round && x.matches(b.key, key) {
			b.queue.round = v.round
			found = append(found, b.queue)
		}
	}
	return found
}
