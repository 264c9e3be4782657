package amqpexport_test

import (
	"context"
	"fmt"
	"log"

	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
)

// A service makes one agent, has its reports shipped, and gives the agent to its
// clients and servers. Here the broker is an embedded one.
func ExampleStart() {
	broker := minibroker.New()
	defer broker.Close()

	agent, err := tracing.New(tracing.Config{Service: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	defer agent.Close()
	stop, err := amqpexport.Start(context.Background(), agent, amqpexport.Config{
		URL: "amqp://guest:guest@localhost:5672/", Dial: broker.Dial,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	cart := agent.Process("cart:7")
	defer cart.Stop()
	fmt.Println(cart.Name(), "is observed")
	// Output: cart:7 is observed
}
