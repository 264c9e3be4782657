package watched_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// A lock is taken and given back with the context of the process that works.
func ExampleMutex() {
	ledger := watched.NewMutex("orders@host-1/ledger")
	handler := func(ctx context.Context) error {
		if err := ledger.Lock(ctx); err != nil {
			return err
		}
		defer ledger.Unlock(ctx)
		fmt.Println("booked by", tracing.ProcessFrom(ctx).Name())
		return nil
	}

	agent, err := tracing.New(tracing.Config{Service: "orders"})
	if err != nil {
		panic(err)
	}
	defer agent.Close()
	ctx := tracing.WithProcess(context.Background(), agent.Process("orders:42"))
	if err := handler(ctx); err != nil {
		panic(err)
	}
	fmt.Println(ledger.Unlock(ctx))
	// Output:
	// booked by orders:42
	// release lock orders@host-1/ledger: not held by this process
}

// Those who send to and receive from a channel attach themselves, and detach when
// they no longer do: a sender that waits counts on all who receive.
func ExampleChan() {
	answers := watched.NewChan[string]("shim@host-1/answers", 2)
	var agent *tracing.Agent // a service that is not observed
	engine, err := answers.Sender(agent.Process("engine"))
	if err != nil {
		panic(err)
	}
	defer engine.Detach()
	shim, err := answers.Receiver(agent.Process("shim"))
	if err != nil {
		panic(err)
	}
	defer shim.Detach()

	ctx := context.Background()
	for _, line := range []string{"one", "two"} {
		if err := engine.Send(ctx, line); err != nil {
			panic(err)
		}
	}
	_ = answers.Close()
	for {
		line, err := shim.Receive(ctx)
		if errors.Is(err, watched.ErrClosed) {
			break
		}
		fmt.Println(line)
	}
	// Output:
	// one
	// two
}
