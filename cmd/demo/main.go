// Demo lets two services deadlock through a message broker, once with nobody
// watching and then with waitgraph beside them.
//
//	go run ./cmd/demo                 plays five phases in about half a minute
//	go run ./cmd/demo --format=json   the same, as one JSON object
//	go run ./cmd/demo --serve         the same, and stays up for a look around
//	go run ./cmd/demo call a 42       asks a system that is running
//
// It needs no broker: without --amqp-url or AMQP_URL it runs one in its own
// process. The JSON object is documented in docs/demo.md. The exit status is 0
// only if every expectation held, 1 if not, 130 if interrupted.
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

	Play playCommand `cmd:"" default:"withargs" help:"Play the phases and compare (the default). Without --amqp-url, a broker runs in this process."`
	Call callCommand `cmd:"" help:"Ask a running system what an ID computes to."`
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
	k := kong.Parse(&c, kong.Name("demo"), kong.Description("Two services deadlock through a message broker; waitgraph says so at once."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := k.Run(&c)
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
