package amqprpc

import (
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.opentelemetry.io/otel/propagation"
)

// headers carries contexts in the headers of a message. It must be a map that
// nobody else uses.
type headers amqp.Table

var _ propagation.TextMapCarrier = headers(nil)

// Get returns the text under key. Peers may send any type: only text counts.
func (h headers) Get(key string) string {
	switch v := h[key].(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}

func (h headers) Set(key, value string) { h[key] = value }

func (h headers) Keys() []string {
	keys := make([]string, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
