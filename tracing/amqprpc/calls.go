package amqprpc

import (
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

// calls are those that wait for a reply, by correlation ID. Whatever settles a
// call takes it out, so each is settled once.
type calls struct {
	mu   sync.Mutex
	byID map[string]*waiter
}

// waiter is one call that waits.
type waiter struct {
	settled chan outcome // has room for it
	lane    *lane        // on which the request was sent; nil before that
}

// outcome is how a call was settled.
type outcome struct {
	delivery amqp.Delivery // the reply, unless err is set
	err      error
}

func (c *calls) add(id string) *waiter {
	w := &waiter{settled: make(chan outcome, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = make(map[string]*waiter)
	}
	c.byID[id] = w
	return w
}

// remove gives a call up. Its reply, if one comes, is late.
func (c *calls) remove(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, id)
}

// sent notes on which lane a request is about to go. It returns false if the
// call has been given up.
func (c *calls) sent(id string, l *lane) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.byID[id]
	if w == nil {
		return false
	}
	w.lane = l
	return true
}

// settle ends a call. It returns false if nobody waits for it (any more).
func (c *calls) settle(id string, o outcome) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.byID[id]
	if w == nil {
		return false
	}
	delete(c.byID, id)
	w.settled <- o
	return true
}

// interrupt settles the calls whose requests went on certain lanes.
func (c *calls) interrupt(on func(*lane) bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, w := range c.byID {
		if w.lane != nil && on(w.lane) {
			delete(c.byID, id)
			w.settled <- outcome{err: err}
		}
	}
}
