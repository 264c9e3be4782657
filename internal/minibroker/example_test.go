package minibroker_test

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/minibroker"
)

func ExampleBroker_Dial() {
	broker := minibroker.New()
	defer broker.Close()
	conn, err := amqp.DialConfig("amqp://guest:guest@embedded/", amqp.Config{Dial: broker.Dial})
	if err != nil {
		fmt.Println(err)
		return
	}
	ch, err := conn.Channel()
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = ch.QueueDeclarePassive("absent", false, false, false, false, nil)
	fmt.Println(err)
	// Output: Exception (404) Reason: "NOT_FOUND - no queue 'absent' in vhost '/'"
}
