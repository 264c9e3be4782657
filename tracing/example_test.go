package tracing_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
)

// Instrument a client and a server of your own: what crosses the wire is a
// header, here a map.
func Example() {
	agent, err := tracing.New(tracing.Config{Service: "shop", Instance: "shop-1"})
	if err != nil {
		log.Fatal(err)
	}
	defer agent.Close()
	cart, stock := agent.Process("cart:7"), agent.Process("stock")

	// The client says what it waits for before it sends.
	ctx := tracing.WithProcess(context.Background(), cart)
	id := agent.NewReply()
	wait := agent.Block(ctx, tracing.All, tracing.Wait{
		Kind: report.Reply, Resource: id, Key: "stock", Deadline: time.Now().Add(5 * time.Second),
	})
	header := propagation.MapCarrier{}
	tracing.Propagator{}.Inject(wait.Context(ctx, 0), header)

	// The server says what it owes, and handles it.
	in := tracing.Propagator{}.Extract(context.Background(), header)
	owed := stock.Receive(in, tracing.Delivery{Conversation: id, Answerable: true})
	work := stock.Handling(in, owed)
	fmt.Println(tracing.ProcessFrom(work).Name(), "works")
	owed.Answered()

	// The client goes on.
	wait.Granted(0)
	wait.End(report.Granted)
	fmt.Println(len(agent.Collect(100).States), "reports")
	// Output:
	// stock works
	// 0 reports
}

// A goroutine that the handler does not await is detached from it.
func ExampleDetach() {
	handler := func(ctx context.Context) {
		audit := func(ctx context.Context) { fmt.Printf("for %q", tracing.ProcessFrom(ctx).Name()) }
		done := make(chan struct{})
		go func() {
			defer close(done)
			audit(tracing.Detach(ctx))
		}()
		<-done // for the sake of the example
	}
	var agent *tracing.Agent // a service that is not observed
	handler(tracing.WithProcess(context.Background(), agent.Process("cart:7")))
	// Output: for ""
}

// A lock of your own: the wait is granted when the lock is taken, and the
// process holds it until it releases it.
func ExampleAgent_Block_lock() {
	agent, err := tracing.New(tracing.Config{Service: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	defer agent.Close()
	p := agent.Process("cart:7")
	ctx := tracing.WithProcess(context.Background(), p)

	wait := agent.Block(ctx, tracing.All, tracing.Wait{Kind: report.Lock, Resource: "lock/stock"})
	// ... take the lock ...
	p.Hold(report.Lock, "lock/stock")
	wait.End(report.Granted)
	defer p.Release("lock/stock")
	fmt.Println(agent.Stats().Blocked, "blocked")
	// Output: 0 blocked
}
