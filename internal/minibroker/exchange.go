package minibroker

import "slices"

// exchangeSpec is what a declaration says of an exchange.
type exchangeSpec struct {
	kind                string // direct, fanout or topic
	durable, autoDelete bool
}

// exchange routes messages to queues. The default exchange has the empty name
// and no bindings.
type exchange struct {
	name string
	exchangeSpec
	bindings []binding
}

// binding sends messages with a matching key to the queue. Bindings that differ
// in their arguments only are distinct.
type binding struct {
	queue *queue
	key   string
	args  string // encoded
}

func (x *exchange) bind(b binding) {
	if !slices.Contains(x.bindings, b) {
		x.bindings = append(x.bindings, b)
	}
}

func (x *exchange) matches(pattern, key string) bool {
	switch x.kind {
	case "fanout":
		return true
	case "topic":
		return topicMatches(pattern, key)
	default:
		return pattern == key
	}
}

// declareExchange creates the exchange or checks that it is what was declared.
func (v *vhost) declareExchange(name string, spec exchangeSpec) error {
	x, ok := v.exchanges[name]
	switch {
	case spec.kind == "headers":
		return refuse(notImplemented, "exchange type 'headers'")
	case spec.kind != "direct" && spec.kind != "fanout" && spec.kind != "topic":
		return refuse(commandInvalid, "unknown exchange type '%s'", spec.kind)
	case name == "":
		return errDefaultExchange()
	case ok:
		return x.sameAs(spec)
	case reserved(name):
		return refuse(accessRefused, "exchange name '%s' contains reserved prefix 'amq.*'", name)
	}
	v.exchanges[name] = &exchange{name: name, exchangeSpec: spec}
	return nil
}

func (x *exchange) sameAs(spec exchangeSpec) error {
	differs := func(what string, got, want any) error {
		return refuse(preconditionFailed, "inequivalent arg '%s' for exchange '%s' in vhost '/': received '%v' but current is '%v'",
			what, x.name, got, want)
	}
	switch {
	case x.kind != spec.kind:
		return differs("type", spec.kind, x.kind)
	case x.durable != spec.durable:
		return differs("durable", spec.durable, x.durable)
	case x.autoDelete != spec.autoDelete:
		return differs("auto_delete", spec.autoDelete, x.autoDelete)
	}
	return nil
}

// errDefaultExchange refuses everything but to publish to it.
func errDefaultExchange() error {
	return refuse(accessRefused, "operation not permitted on the default exchange")
}

func (v *vhost) lookupExchange(name string) (*exchange, error) {
	x, ok := v.exchanges[name]
	if !ok {
		return nil, refuse(notFound, "no exchange '%s' in vhost '/'", name)
	}
	return x, nil
}

func (v *vhost) deleteExchange(name string, ifUnused bool) error {
	x, ok := v.exchanges[name]
	switch {
	case name == "":
		return errDefaultExchange()
	case reserved(name):
		return refuse(accessRefused, "deletion of system exchange '%s' in vhost '/' not allowed", name)
	case !ok:
		return nil
	case ifUnused && len(x.bindings) > 0:
		return refuse(preconditionFailed, "exchange '%s' in vhost '/' in use", name)
	}
	delete(v.exchanges, name)
	return nil
}
