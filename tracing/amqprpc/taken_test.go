package amqprpc_test

import (
	"context"
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// request sends a request of somebody who has an agent and waits for the reply of
// that number. It returns the reply's name.
func (w *world) request(queue string, number int) (reply string) {
	w.Helper()
	reply = fmt.Sprintf("client#1/%d", number)
	w.onChannel(func(ch *amqp.Channel) error {
		return ch.Publish("", queue, false, false, amqp.Publishing{CorrelationId: reply, ReplyTo: w.queue("nobody")})
	})
	return reply
}

// taken reports whether the agent says that it has or had the request.
func taken(agent *tracing.Agent, reply string) bool {
	b := agent.Answer(report.Question{Round: 1, Replies: []report.Resource{report.Resource(reply)}})
	return len(b.Answer.Taken) > 0
}

// A server that has to end has what it works on until it is done with that,
// whatever is delivered meanwhile.
func TestStoppedServerOwesUntilItsChannelIsClosed(t *testing.T) {
	everywhere(t, func(w *world) {
		const more = 20
		agent, queue := newAgent(w), w.queue("q")
		received, begun, release := make(chan struct{}, 1+more), make(chan struct{}), make(chan struct{})
		s := w.serve(w.connect(w.observed(agent)), amqprpc.Server{
			Queue: queue, Declare: shared(queue), Prefetch: 1 + more,
			Received: func(*amqprpc.Request) { received <- struct{}{} },
			Handler: func(context.Context, *amqprpc.Request) ([]byte, error) {
				close(begun)
				<-release
				return nil, nil
			},
		})
		first := w.request(queue, 0)
		<-begun
		s.cancel()
		var last string
		for i := range more {
			last = w.request(queue, 1+i)
		}
		w.until("all are delivered", func() bool { return len(received) == 1+more })
		if !taken(agent, first) {
			w.Error("it does not own up to the request that it works on")
		}
		close(release)
		_ = s.stop()
		if !taken(agent, first) || taken(agent, last) {
			w.Errorf("afterwards, it took the first: %t, and the last: %t", taken(agent, first), taken(agent, last))
		}
	})
}
