package minibroker

import (
	"fmt"
	"time"
)

// queueSpec is what a declaration says of a queue.
type queueSpec struct {
	durable, exclusive, autoDelete bool
	args                           table
}

// limits are the arguments of a queue that have an effect.
type limits struct {
	ttl          time.Duration // x-message-ttl; negative: none
	expires      time.Duration // x-expires; zero: none
	maxLength    int           // x-max-length, of ready messages; negative: none
	maxBytes     int           // x-max-length-bytes, of the bodies of ready messages; negative: none
	rejects      bool          // x-overflow: reject-publish instead of drop-head
	singleActive bool          // x-single-active-consumer
}

// comparedArguments are compared when a queue is declared again, in this order.
var comparedArguments = []string{
	"x-expires", "x-message-ttl", "x-max-length", "x-max-length-bytes", "x-overflow", "x-single-active-consumer",
}

// unsupported are the arguments that RabbitMQ heeds and this broker does not.
var unsupported = []string{
	"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-priority", "x-queue-mode",
	"x-max-in-memory-length", "x-max-in-memory-bytes", "x-max-age", "x-queue-version",
}

func parseLimits(queue string, args table) (limits, error) {
	l := limits{ttl: -1, maxLength: -1, maxBytes: -1}
	for _, name := range unsupported {
		if _, ok := args.lookup(name); ok {
			return l, refuse(notImplemented, "argument '%s' of queue '%s'", name, queue)
		}
	}
	for _, f := range args {
		if err := l.set(queue, f); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (l *limits) set(queue string, f field) error {
	if why := f.unfit(); why != "" {
		return refuse(preconditionFailed, "invalid arg '%s' for queue '%s' in vhost '/': %s", f.key, queue, why)
	}
	n, _ := f.integer()
	text, _ := f.text()
	switch f.key {
	case "x-message-ttl":
		l.ttl = time.Duration(n) * time.Millisecond
	case "x-expires":
		l.expires = time.Duration(n) * time.Millisecond
	case "x-max-length":
		l.maxLength = int(n)
	case "x-max-length-bytes":
		l.maxBytes = int(n)
	case "x-overflow":
		l.rejects = text == "reject-publish"
	case "x-single-active-consumer":
		l.singleActive = f.bool()
	case "x-queue-type":
		if text != "classic" {
			return refuse(notImplemented, "queue type '%s'", text)
		}
	}
	return nil
}

// unfit says, in RabbitMQ's words, why the argument's value has no meaning; empty
// if it has one.
func (f field) unfit() string {
	n, whole := f.integer()
	duration := f.key == "x-message-ttl" || f.key == "x-expires"
	number := duration || f.key == "x-max-length" || f.key == "x-max-length-bytes"
	switch text, isText := f.text(); {
	case number && !whole:
		return fmt.Sprintf("\"expected integer, got %s\"", kindNames[f.kind])
	case number && n < 0:
		return fmt.Sprintf("{value_negative,%d}", n)
	case f.key == "x-expires" && n == 0:
		return "{value_zero,0}"
	case duration && n > maxLife:
		return fmt.Sprintf("{value_too_large,%d}", n)
	case f.key == "x-overflow" && !isText, f.key == "x-single-active-consumer" && f.kind != 't':
		return fmt.Sprintf("{unacceptable_type,%s}", kindNames[f.kind])
	case f.key == "x-overflow" && text != "drop-head" && text != "reject-publish":
		return "invalid_overflow"
	}
	return ""
}

// sameAs refuses a declaration that differs from the queue.
func (q *queue) sameAs(spec queueSpec, owner *conn) error {
	if q.exclusive != spec.exclusive {
		return q.locked()
	}
	if err := q.access(owner); err != nil {
		return err
	}
	if q.durable != spec.durable {
		return q.differs("durable", quote(spec.durable), quote(q.durable))
	}
	if q.autoDelete != spec.autoDelete {
		return q.differs("auto_delete", quote(spec.autoDelete), quote(q.autoDelete))
	}
	for _, key := range comparedArguments {
		want, has := q.args.lookup(key)
		got, given := spec.args.lookup(key)
		switch {
		case has && !given:
			return q.differs(key, "none", want.String())
		case !has && given:
			return q.differs(key, got.String(), "none")
		case has && !want.equivalent(got):
			return q.differs(key, quote(got.any()), quote(want.any()))
		}
	}
	return nil
}

func (q *queue) differs(what, got, want string) error {
	return refuse(preconditionFailed, "inequivalent arg '%s' for queue '%s' in vhost '/': received %s but current is %s", what, q.name, got, want)
}

func quote(v any) string { return fmt.Sprintf("'%v'", v) }
