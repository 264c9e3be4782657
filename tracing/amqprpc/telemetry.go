package amqprpc

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// ScopeName is the instrumentation scope of the spans.
const ScopeName = "github.com/waitgraph/waitgraph/tracing/amqprpc"

// telemetry makes spans and carries their contexts.
type telemetry struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

func newTelemetry(opts []Option) telemetry {
	o := options{provider: otel.GetTracerProvider(), propagator: otel.GetTextMapPropagator()}
	for _, opt := range opts {
		opt.apply(&o)
	}
	if w3c := (propagation.TraceContext{}); !slices.Contains(o.propagator.Fields(), w3c.Fields()[0]) {
		o.propagator = propagation.NewCompositeTextMapPropagator(w3c, o.propagator)
	}
	return telemetry{
		tracer:     o.provider.Tracer(ScopeName, trace.WithSchemaURL(semconv.SchemaURL)),
		propagator: o.propagator,
	}
}

// startSend begins the span of a message that is sent.
func (t telemetry) startSend(ctx context.Context, exchange, key, conversation string, size int) (context.Context, trace.Span) {
	destination := destinationName(exchange, key, "")
	attributes := make([]attribute.KeyValue, 0, 7)
	attributes = append(
		attributes,
		semconv.MessagingSystemRabbitMQ,
		semconv.MessagingOperationName("send"),
		semconv.MessagingOperationTypeSend,
		semconv.MessagingDestinationName(destination),
		semconv.MessagingMessageBodySize(size),
	)
	if key != "" {
		attributes = append(attributes, semconv.MessagingRabbitMQDestinationRoutingKey(key))
	}
	if conversation != "" {
		attributes = append(attributes, semconv.MessagingMessageConversationID(conversation))
	}
	return t.tracer.Start(ctx, "send "+destination, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attributes...))
}

// startProcess begins the span of a request that is handled, as a child of the
// span that sent it.
func (t telemetry) startProcess(ctx context.Context, queue string, r *Request) (context.Context, trace.Span) {
	attributes := make([]attribute.KeyValue, 0, 8)
	attributes = append(
		attributes,
		semconv.MessagingSystemRabbitMQ,
		semconv.MessagingOperationName("process"),
		semconv.MessagingOperationTypeProcess,
		semconv.MessagingDestinationName(destinationName(r.Exchange, r.Key, queue)),
		semconv.MessagingMessageBodySize(len(r.Body)),
		semconv.MessagingRabbitMQMessageDeliveryTag(int(r.delivery.DeliveryTag)), //nolint:gosec // counts from 1 in each channel
	)
	if r.Key != "" {
		attributes = append(attributes, semconv.MessagingRabbitMQDestinationRoutingKey(r.Key))
	}
	if id := r.delivery.CorrelationId; id != "" {
		attributes = append(attributes, semconv.MessagingMessageConversationID(id))
	}
	return t.tracer.Start(ctx, "process "+queue, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...))
}

// endSpan ends a span, with the status of what it is about.
func endSpan(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(semconv.ErrorType(err))
	}
	span.End()
}

// destinationName joins exchange, routing key and queue, as the conventions
// for RabbitMQ want it: without what is empty or says nothing new.
func destinationName(exchange, key, queue string) string {
	if queue == key {
		queue = ""
	}
	parts := slices.DeleteFunc([]string{exchange, key, queue}, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return "amq.default"
	}
	return strings.Join(parts, ":")
}
