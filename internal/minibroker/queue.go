package minibroker

import (
	"cmp"
	"slices"
	"time"
)

// queue keeps messages in order and hands them to its consumers.
//
// Invariant, between any two frames: it has no ready messages or no consumer
// that could take one, unless they have expired since.
type queue struct {
	queueSpec
	limits
	v     *vhost
	name  string
	owner *conn // of an exclusive queue

	ready   []*entry // by seq
	bytes   int      // of the bodies of those
	nextSeq uint64

	consumers []*consumer // longest not served first; of a single active consumer the active one first
	used      time.Time   // when it was last used, while it has no consumers
	deleted   bool
	round     uint64 // the routing that found it last
}

// entry is a message in a queue. It keeps its place when it is requeued.
type entry struct {
	*message
	seq         uint64
	expiry      time.Time // zero: never
	redelivered bool
}

func newQueue(v *vhost, name string, spec queueSpec) (*queue, error) {
	l, err := parseLimits(name, spec.args)
	if err != nil {
		return nil, err
	}
	q := &queue{v: v, name: name, queueSpec: spec, limits: l}
	if l.expires > 0 {
		v.leased[q] = struct{}{}
	}
	return q, nil
}

// access refuses everybody but the owner of an exclusive queue.
func (q *queue) access(c *conn) error {
	if q.owner != nil && q.owner != c {
		return q.locked()
	}
	return nil
}

func (q *queue) locked() error {
	return refuse(resourceLocked, "cannot obtain exclusive access to locked queue '%s' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.", q.name)
}

// renew begins the lease of a queue with x-expires anew.
func (q *queue) renew() {
	q.used = q.v.now
	if end := q.leaseEnd(); !end.IsZero() {
		q.v.noteExpiry(end)
	}
}

// leaseEnd is when the queue expires, zero if it does not for now.
func (q *queue) leaseEnd() time.Time {
	if q.expires == 0 || len(q.consumers) > 0 {
		return time.Time{}
	}
	return q.used.Add(q.expires)
}

// count returns the number of ready messages.
func (q *queue) count() int {
	q.expire()
	return len(q.ready)
}

// expire drops expired messages, as RabbitMQ does from the head only.
func (q *queue) expire() {
	for len(q.ready) > 0 {
		if end := q.ready[0].expiry; end.IsZero() || q.v.now.Before(end) {
			return
		}
		q.pop()
	}
}

func (q *queue) pop() *entry {
	e := q.ready[0]
	q.ready[0] = nil
	q.ready, q.bytes = q.ready[1:], q.bytes-len(e.body)
	return e
}

// publish takes a message in, unless the queue is full and rejects.
func (q *queue) publish(m *message) bool {
	q.expire()
	if q.rejects && q.overflows(len(q.ready)+1, q.bytes+len(m.body)) {
		return false
	}
	e := &entry{message: m, seq: q.nextSeq}
	q.nextSeq++
	if ttl := q.lifetime(m); ttl >= 0 {
		e.expiry = q.v.now.Add(ttl)
	}
	q.ready, q.bytes = append(q.ready, e), q.bytes+len(m.body)
	q.deliver()
	q.trim()
	return true
}

// lifetime is the shorter of the queue's and the message's TTL, negative if
// there is none.
func (q *queue) lifetime(m *message) time.Duration {
	if q.ttl < 0 || m.ttl >= 0 && m.ttl < q.ttl {
		return m.ttl
	}
	return q.ttl
}

// trim drops what must not stay now that consumers have had their chance.
func (q *queue) trim() {
	q.expire()
	for !q.rejects && q.overflows(len(q.ready), q.bytes) {
		q.pop()
	}
}

// overflows reports whether n ready messages of so many bytes would be too many.
func (q *queue) overflows(n, bytes int) bool {
	return q.maxLength >= 0 && n > q.maxLength || q.maxBytes >= 0 && bytes > q.maxBytes
}

// requeue puts messages back in their old places.
func (q *queue) requeue(es []*entry) {
	if q.deleted {
		return
	}
	for _, e := range es {
		e.redelivered = true
		q.bytes += len(e.body)
	}
	bySeq := func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) }
	slices.SortFunc(es, bySeq)
	behind := len(q.ready) > 0 && q.ready[0].seq < es[len(es)-1].seq
	q.ready = append(es, q.ready...)
	if behind {
		slices.SortFunc(q.ready, bySeq)
	}
	q.run()
	q.trim()
}

// run delivers what can be delivered, after something has changed.
func (q *queue) run() {
	q.expire()
	q.deliver()
}

func (q *queue) deliver() {
	for len(q.ready) > 0 {
		cs := q.next()
		if cs == nil {
			return
		}
		cs.deliver(q.pop())
	}
}

// next returns the consumer whose turn it is, nil if none can take a message.
func (q *queue) next() *consumer {
	for i, cs := range q.consumers {
		if cs.ready() {
			if !q.singleActive {
				q.consumers = append(slices.Delete(q.consumers, i, i+1), cs)
			}
			return cs
		}
		if q.singleActive {
			return nil
		}
	}
	return nil
}

// subscribe adds a consumer.
func (q *queue) subscribe(cs *consumer) error {
	taken := len(q.consumers) > 0 && (cs.exclusive || q.consumers[0].exclusive)
	if taken || cs.exclusive && q.singleActive {
		return refuse(accessRefused, "queue '%s' in vhost '/' in exclusive use", q.name)
	}
	q.consumers = append(q.consumers, cs)
	return nil
}

// unsubscribe removes a consumer, and an auto-delete queue with its last one.
func (q *queue) unsubscribe(cs *consumer) {
	if q.deleted {
		return
	}
	q.consumers = slices.DeleteFunc(q.consumers, func(c *consumer) bool { return c == cs })
	switch {
	case len(q.consumers) > 0:
		q.run()
	case q.autoDelete:
		q.v.deleteQueue(q)
	default:
		q.renew()
	}
}
