package amqprpc

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// The channel is lost just before a request goes from the server's process to one
// of its own: that one owes nothing, since the broker has the request back.
func TestNothingIsEntrustedThatWasForsaken(t *testing.T) {
	agent, err := tracing.New(tracing.Config{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(agent.Close)
	w := newWorker(&Conn{}, &Server{Queue: "q", Process: agent.Process("pool"), Prefetch: 1, PerRequest: true})
	const reply = "client#1/1"
	held := func() int {
		return len(agent.Answer(report.Question{Replies: []report.Resource{reply}}).Answer.Taken)
	}
	deliveries := make(chan amqp.Delivery, 1)
	w.intake.Go(func() { w.receive(t.Context(), deliveries) })
	deliveries <- amqp.Delivery{CorrelationId: reply, ReplyTo: "replies"}
	r := <-w.mailbox
	if held() != 1 {
		t.Error("the pool does not owe what was delivered")
	}
	close(deliveries)
	w.intake.Wait()
	w.entrust(t.Context(), r, agent.Process("q/1"))
	if held() != 0 {
		t.Error("somebody owes what was forsaken")
	}
}
