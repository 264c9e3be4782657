package amqprpc_test

import (
	"context"
	"fmt"
	"log"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// A service that greets whoever asks, observed by an agent.
func Example() {
	broker := minibroker.New() // in place of RabbitMQ
	defer broker.Close()
	agent, err := tracing.New(tracing.Config{Service: "greeter"})
	if err != nil {
		log.Fatal(err)
	}
	defer agent.Close()
	ctx, stop := context.WithCancel(context.Background())
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{URL: "amqp://guest:guest@localhost/", Dial: broker.Dial, Agent: agent})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	ready, served := make(chan struct{}), make(chan error)
	go func() {
		served <- conn.Serve(ctx, amqprpc.Server{
			Queue:   "greetings",
			Process: agent.Process("greeter.consumer"),
			Declare: func(ch *amqp.Channel) error {
				defer close(ready)
				_, err := ch.QueueDeclare("greetings", true, false, false, false, nil)
				return err
			},
			Handler: func(_ context.Context, r *amqprpc.Request) ([]byte, error) {
				return fmt.Appendf(nil, "hello, %s", r.Body), nil
			},
		})
	}()
	<-ready

	reply, err := conn.Call(tracing.WithProcess(ctx, agent.Process("caller")), amqprpc.Call{Key: "greetings", Body: []byte("world")})
	fmt.Println(string(reply.Body), err)
	stop()
	fmt.Println(<-served)
	// Output:
	// hello, world <nil>
	// context canceled
}
