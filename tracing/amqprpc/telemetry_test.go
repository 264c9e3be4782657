package amqprpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// A call that calls is one trace of four spans, each the child of the one that
// caused it, and says what it is in the words of the conventions.
func TestSpansOfACallChain(t *testing.T) {
	everywhere(t, func(w *world) {
		spans := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		conn := w.connect(w.config(), amqprpc.WithTracerProvider(provider))
		w.serve(conn, amqprpc.Server{Queue: w.queue("inner"), Handler: echo})
		w.serve(conn, amqprpc.Server{Queue: w.queue("outer"), Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			reply, err := conn.Call(ctx, amqprpc.Call{Key: w.queue("inner"), Body: r.Body})
			return reply.Body, err
		}})
		if _, err := w.call(conn, w.queue("outer"), "hello"); err != nil {
			w.Fatal(err)
		}
		ended := make(map[string]sdktrace.ReadOnlySpan)
		for _, s := range spans.Ended() {
			ended[strings.TrimSuffix(s.Name(), w.suffix)] = s
		}
		var parent trace.SpanContext
		for _, want := range []struct {
			operation, queue string
			kind             trace.SpanKind
		}{
			{"send", "outer", trace.SpanKindProducer},
			{"process", "outer", trace.SpanKindConsumer},
			{"send", "inner", trace.SpanKindProducer},
			{"process", "inner", trace.SpanKindConsumer},
		} {
			name := want.operation + " " + w.Name() + "/" + want.queue
			s := ended[name]
			if s == nil {
				w.Fatalf("no span %q in %v", name, ended)
			}
			if s.Parent().SpanID() != parent.SpanID() || s.SpanKind() != want.kind || s.Status().Code != codes.Unset {
				w.Errorf("%s: parent %v, kind %v, status %v", name, s.Parent().SpanID(), s.SpanKind(), s.Status())
			}
			attributes := attribute.NewSet(s.Attributes()...)
			for _, kv := range []attribute.KeyValue{
				semconv.MessagingSystemRabbitMQ,
				semconv.MessagingOperationName(want.operation),
				semconv.MessagingOperationTypeKey.String(want.operation),
				semconv.MessagingDestinationName(w.queue(want.queue)),
				semconv.MessagingRabbitMQDestinationRoutingKey(w.queue(want.queue)),
				semconv.MessagingMessageBodySize(len("hello")),
			} {
				if v, _ := attributes.Value(kv.Key); v != kv.Value {
					w.Errorf("%s: %s is %q", name, kv.Key, v.String())
				}
			}
			if id, ok := attributes.Value(semconv.MessagingMessageConversationIDKey); !ok || id.AsString() == "" {
				w.Errorf("%s has no conversation ID", name)
			}
			parent = s.SpanContext()
		}
	})
}

func TestSpansRecordErrors(t *testing.T) {
	everywhere(t, func(w *world) {
		spans := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		conn := w.connect(w.config(), amqprpc.WithTracerProvider(provider))
		w.serve(conn, amqprpc.Server{Queue: w.queue("q"), Handler: func(context.Context, *amqprpc.Request) ([]byte, error) {
			return nil, errors.New("no such account")
		}})
		_, _ = w.call(conn, w.queue("q"), "")
		_, _ = w.call(conn, w.queue("nobody"), "")
		var got []string
		for _, s := range spans.Ended() {
			attributes := attribute.NewSet(s.Attributes()...)
			kind, _ := attributes.Value(semconv.ErrorTypeKey)
			if s.Status().Code != codes.Error {
				w.Errorf("%s has status %v", s.Name(), s.Status())
			}
			got = append(got, kind.AsString())
		}
		if got := strings.Join(got, " "); got != "*errors.errorString remote unroutable" {
			w.Errorf("error types %q", got)
		}
	})
}
