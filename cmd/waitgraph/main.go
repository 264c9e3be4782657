// Waitgraph finds deadlocks among services that call each other through a
// message broker.
//
//	waitgraph run --amqp-url=amqp://user:password@host/vhost
//	waitgraph verify FILE
//	waitgraph replay FILE...
//
// It exits with status 0 when it is told to stop or has found nothing wrong, 1
// when it cannot go on or has found something, and 2 when it was called wrongly.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit statuses.
const (
	statusFailed = 1
	statusUsage  = 2
)

type commands struct {
	Version kong.VersionFlag `help:"Print the version and exit."`

	Run    runCommand    `cmd:"" help:"Watch the services of a broker and report their deadlocks."`
	Verify verifyCommand `cmd:"" help:"Check the proof of a verdict, with nothing else."`
	Replay replayCommand `cmd:"" help:"Play a recording to a fresh detector, and compare what it announces."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(start(ctx, os.Args[1:]))
}

// start carries out a command line and returns the exit status.
func start(ctx context.Context, args []string) int {
	parser := kong.Must(new(commands),
		kong.Name("waitgraph"),
		kong.Description("A deadlock detector for services that call each other through a message broker."),
		kong.Vars{"version": "waitgraph " + version()},
		kong.Vars(defaults()),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	command, err := parser.Parse(args)
	if err != nil {
		complain(err)
		return statusUsage
	}
	if err := command.Run(); err != nil {
		complain(err)
		return statusFailed
	}
	return 0
}

func complain(err error) { fmt.Fprintln(os.Stderr, "waitgraph:", err) }

// version returns the version of the module or, of a build from a work tree,
// its revision.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	return info.Main.Version
}
