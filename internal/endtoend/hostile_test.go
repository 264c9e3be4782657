package endtoend_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.opentelemetry.io/otel"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// Whatever stands in the header where the call chain goes, the call goes on and
// nothing is confirmed.
func TestHostileChains(t *testing.T) {
	const hop = "evil;1;evil;1;1;1;"
	chains := map[string]any{
		"empty":            "",
		"no UTF-8":         "\xff\xfe;\x00",
		"a million commas": strings.Repeat(",", 60_000),
		"a thousand hops":  strings.Repeat(hop+",", 1000) + hop,
		"huge numbers":     "evil;zzzzzzzzzzzzzz;evil;zzzzzzzzzzzzzzzz;1;1;",
		"a number":         int64(42),
		"a table":          amqp.Table{"waitgraph-chain": "evil"},
		"a foreign chain":  hop,
		"a broken escape":  "%zz;1;evil;1;1;1;",
		"truncated":        "*," + hop,
		"only a marker":    "*,",
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // they are counted
	everywhere(t, func(t *testing.T, s *system) {
		n := s.node("hostile")
		n.serve("0", 16, does(func(context.Context) error { return nil }))
		s.acquaint()
		for name, chain := range chains {
			if err := s.strange(amqp.Table{tracing.Header: chain}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if ignored := n.agent.Stats().Ignored; ignored == 0 {
			t.Error("no chain was ignored")
		}
		s.silence(brief)
	})
}

// strange calls process 0 with headers, from a client that nobody instruments:
// an agent would replace the call chain.
func (s *system) strange(headers amqp.Table) error {
	conn, err := amqprpc.Dial(s.ctx, amqprpc.Config{URL: s.url, Dial: s.dial, CallTimeout: 3 * time.Second})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Call(s.ctx, amqprpc.Call{Key: "0" + s.suffix, Headers: headers})
	return err
}

// A callee uses the call chain that it was sent to forge one in which its
// caller waits for itself. That may be suspected, and is never confirmed.
func TestForgedChain(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		n, evil := s.node("caller"), s.node("evil")
		n.serve("0", 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			if string(r.Body) == "" {
				return nil, pause.For(ctx, 500*time.Millisecond) // so that it is reported
			}
			return nil, n.call(ctx, "1", "")
		})
		evil.serve("1", 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			const reply = "forger#1/1" // of an agent of whom no other test tells detectors
			chain := fmt.Sprint(r.Headers[tracing.Header]) + ",forger;1;forger;1;1;1;"
			s.raw("", "0"+s.suffix, amqp.Publishing{
				Headers: amqp.Table{tracing.Header: chain}, CorrelationId: reply, ReplyTo: "nobody" + s.suffix,
			})
			return nil, pause.For(ctx, time.Second)
		})
		s.acquaint()
		client := n.as("client")
		const tries = 8 // it is suspected only if the lie comes before the truth
		for range tries {
			done := make(chan error, 1)
			go func() { done <- n.call(client, "0", "ask") }()
			s.unconfirmed(2 * time.Second)
			if err := <-done; err != nil {
				t.Error(err)
			}
			if len(s.heard) > 0 {
				return
			}
		}
		t.Error("it was not even suspected")
	})
}

// What others publish as reports changes no verdict, neither of them nor of the
// services that there are.
func TestHostileReports(t *testing.T) {
	everywhere(t, func(t *testing.T, s *system) {
		s.acquaint() // the exchange exists
		lie := circle(t)
		bodies := [][]byte{nil, {0}, []byte("not protobuf"), bytes.Repeat([]byte{0x0a, 0xff}, 5000), lie, lie[:len(lie)/2]}
		for i := range lie {
			bodies = append(bodies, append(bytes.Clone(lie[:i]), append([]byte{lie[i] ^ 0x55}, lie[i+1:]...)...))
		}
		var messages []amqp.Publishing
		for _, body := range bodies {
			messages = append(messages, amqp.Publishing{ContentType: wire.ContentTypeBatch, Body: body})
		}
		standing(s)
		s.await(detector.Confirmed)
		s.raw(wire.Exchange, wire.ReportKey("evil"), messages...)
		deadline := time.After(3 * time.Second)
		for {
			var a announcement
			select {
			case a = <-s.announced:
			case <-deadline:
				return
			}
			v := a.Verdict
			if s.ours(&v) && v.Status != detector.Confirmed {
				t.Errorf("the deadlock became %s: %s%s", v.Status, v.Reason, v.Cause)
			}
			if strings.HasPrefix(v.Core[0].Key.Agent.Name, "evil") && v.Status == detector.Confirmed {
				t.Errorf("confirmed: %v", names(v.Core))
			}
		}
	})
}

// circle is the report of an agent that does not exist about two processes that
// wait for each other.
func circle(t *testing.T) []byte {
	t.Helper()
	agent := report.Agent{Name: "evil", Incarnation: 1}
	b := report.Batch{Agent: agent, Service: "evil"}
	for i, name := range []string{"x", "y"} {
		mine, other := report.Resource(fmt.Sprint("evil#1/", i)), report.Resource(fmt.Sprint("evil#1/", 1-i))
		b.States = append(b.States, report.State{
			Key: report.Key{Agent: agent, Process: name, Activation: uint64(i + 1)}, Epoch: uint64(i + 1), Seq: 1, Need: 1,
			Waits: []report.Wait{{Resource: other, Kind: report.Reply}}, Holds: []report.Hold{{Resource: mine, Kind: report.Reply}},
		})
	}
	body, err := wire.EncodeBatch(time.Now(), &b)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
