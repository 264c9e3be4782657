package minibroker

import "time"

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
	rejects      bool          // x-overflow: reject-publish instead of drop-head
	singleActive bool          // x-single-active-consumer
}

// argumentOrder is the order in which RabbitMQ compares arguments.
var argumentOrder = []string{
	"x-expires", "x-message-ttl", "x-max-length", "x-overflow", "x-single-active-consumer", "x-queue-type",
}

// unsupported are the arguments that RabbitMQ heeds and this broker does not.
var unsupported = []string{
	"x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-length-bytes", "x-max-priority", "x-queue-mode",
	"x-max-in-memory-length", "x-max-in-memory-bytes", "x-max-age", "x-queue-version",
}

func parseLimits(queue string, args table) (limits, error) {
	l := limits{ttl: -1, maxLength: -1}
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
	invalid := func(why string, v any) error {
		return refuse(preconditionFailed, "invalid arg '%s' for queue '%s' in vhost '/': {%s,%v}", f.key, queue, why, v)
	}
	n, whole := f.integer()
	text, _ := f.text()
	switch f.key {
	case "x-message-ttl", "x-expires", "x-max-length":
		switch {
		case !whole:
			return invalid("unacceptable_type", kindNames[f.kind])
		case n < 0:
			return invalid("value_negative", n)
		case n == 0 && f.key == "x-expires":
			return invalid("value_zero", n)
		}
	case "x-overflow":
		if text != "drop-head" && text != "reject-publish" {
			return invalid("invalid_overflow", text)
		}
	case "x-single-active-consumer":
		if f.kind != 't' {
			return invalid("unacceptable_type", kindNames[f.kind])
		}
	case "x-queue-type":
		if text != "classic" {
			return refuse(notImplemented, "queue type '%s'", text)
		}
	}
	l.assign(f, n, text)
	return nil
}

func (l *limits) assign(f field, n int64, text string) {
	switch f.key {
	case "x-message-ttl":
		l.ttl = time.Duration(n) * time.Millisecond
	case "x-expires":
		l.expires = time.Duration(n) * time.Millisecond
	case "x-max-length":
		l.maxLength = int(n)
	case "x-overflow":
		l.rejects = text == "reject-publish"
	case "x-single-active-consumer":
		l.singleActive = f.bool()
	}
}

// sameAs refuses a declaration that differs from the queue.
func (q *queue) sameAs(spec queueSpec) error {
	differs := func(what string, got, want any) error {
		return refuse(preconditionFailed, "inequivalent arg '%s' for queue '%s' in vhost '/': received '%v' but current is '%v'", what, q.name, got, want)
	}
	switch {
	case q.durable != spec.durable:
		return differs("durable", spec.durable, q.durable)
	case q.exclusive != spec.exclusive:
		return differs("exclusive", spec.exclusive, q.exclusive)
	case q.autoDelete != spec.autoDelete:
		return differs("auto_delete", spec.autoDelete, q.autoDelete)
	}
	for _, key := range argumentOrder {
		want, has := q.args.lookup(key)
		got, given := spec.args.lookup(key)
		if has != given || has && !want.equivalent(got) {
			return refuse(preconditionFailed, "inequivalent arg '%s' for queue '%s' in vhost '/': received %s but current is %s",
				key, q.name, describe(got, given), describe(want, has))
		}
	}
	return nil
}

func describe(f field, ok bool) string {
	if !ok {
		return "none"
	}
	return f.String()
}
