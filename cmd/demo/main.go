// Demo plays examples of systems that deadlock, with waitgraph beside them and
// without.
//
//	go run ./cmd/demo                      two services that call each other, in half a minute
//	go run ./cmd/demo list                 the examples there are
//	go run ./cmd/demo EXAMPLE              another of them
//	go run ./cmd/demo --format=json        the same, as one JSON object
//	go run ./cmd/demo --serve              the same, and stays up for a look around
//
// An example can be played by hand, too: start its nodes, each in a terminal of
// its own, and ask them. Nodes need a broker that all of them reach.
//
//	go run ./cmd/demo node EXAMPLE NAME
//	go run ./cmd/demo call EXAMPLE OP ARGS...
//	go run ./cmd/demo load -n 10000 URL    from all nodes of the example "cluster"
//
// Systems described in files are played, too, on services over a broker or in
// virtual time (docs/scenarios.md):
//
//	go run ./cmd/demo scenario docs/scenarios/ring-of-3.yaml
//	go run ./cmd/demo scenario --virtual --runs 100 docs/scenarios/*.yaml
//	go run ./cmd/demo explore FILE
//	go run ./cmd/demo generate --seed 7 --size 4
//
// Playing needs no broker: without --amqp-url or AMQP_URL the demo runs one in
// its own process. The JSON object is documented in docs/demo.md. The exit
// status is 0 only if every expectation held, 1 if not, 2 if it was called wrongly,
// 130 if interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type commands struct {
	AMQPURL string `name:"amqp-url" env:"AMQP_URL" placeholder:"URL" help:"RabbitMQ to use."`
	Verbose bool   `short:"v" help:"Log what all parts do to standard error."`

	Play playCommand `cmd:"" default:"withargs" help:"Play an example and compare (the default). Without --amqp-url, a broker runs in this process."`
	List listCommand `cmd:"" help:"List the examples."`
	Node nodeCommand `cmd:"" help:"Run one node of an example until Ctrl-C."`
	Call callCommand `cmd:"" help:"Ask a running system for something."`
	Load loadCommand `cmd:"" help:"Put load on a web server from all nodes of a cluster."`

	Scenario scenarioCommand `cmd:"" help:"Play scenarios from files and compare with what they expect."`
	Generate generateCommand `cmd:"" help:"Print a scenario that is made up."`
	Explore  exploreCommand  `cmd:"" help:"Look for a deadlock in the system that a scenario describes."`
}

// errNotHeld says that an expectation did not hold, which has been told.
var errNotHeld = errors.New("not every expectation held")

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal kills

	var c commands
	parser := kong.Must(&c, kong.Name("demo"), kong.Description("Systems that deadlock; waitgraph says so at once."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return 2
	}
	err = command.Run(&c)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\ndemo: interrupted")
		return 130
	case !errors.Is(err, errNotHeld):
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	return 1
}
