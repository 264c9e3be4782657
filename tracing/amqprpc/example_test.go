package amqprpc_test

import (
	"context"
	"log"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// A service that answers requests from its own queue by asking another one.
func Example() {
	ctx := context.Background()
	agent, err := tracing.New(tracing.Config{Service: "orders"})
	if err != nil {
		log.Fatal(err)
	}
	defer agent.Close()
	conn, err := amqprpc.Dial(ctx, amqprpc.Config{URL: "amqp://localhost/", Agent: agent})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	err = conn.Serve(ctx, amqprpc.Server{
		Queue:   "orders",
		Process: agent.Process("orders.consumer"),
		Declare: func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("orders", true, false, false, false, nil)
			return err
		},
		Handler: func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			reply, err := conn.Call(ctx, amqprpc.Call{Key: "stock", Body: r.Body})
			return reply.Body, err
		},
	})
	log.Fatal(err)
}
