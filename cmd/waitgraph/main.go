// Waitgraph finds deadlocks among services that call each other through a
// message broker.
//
//	waitgraph run --amqp-url=amqp://user:password@host/vhost
//	waitgraph deadlocks
//	waitgraph explain ID
//	waitgraph graph
//	waitgraph top
//	waitgraph ready
//	waitgraph verify FILE
//	waitgraph replay FILE...
//	waitgraph completion SHELL
//
// It exits with status 0 when it is told to stop or has found nothing wrong, 1
// when it cannot go on or has found something, 2 when it was called wrongly, and
// deadlocks with 3 when a confirmed one stands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/waitgraph/waitgraph/detector/logsink"
)

// Exit statuses.
const (
	statusFailed   = 1
	statusUsage    = 2
	statusStanding = 3
)

// errStanding says that a confirmed deadlock stands, which has been shown.
var errStanding = errors.New("a confirmed deadlock stands")

type commands struct {
	Version kong.VersionFlag `help:"Print the version and exit."`

	Run       runCommand       `cmd:"" help:"Watch the services of a broker and report their deadlocks."`
	Deadlocks deadlocksCommand `cmd:"" help:"List deadlocks, standing and past. The exit status is 3 if a confirmed one stands."`
	Explain   explainCommand   `cmd:"" help:"Explain one deadlock."`
	Graph     graphCommand     `cmd:"" help:"Show who waits for whom."`
	Top       topCommand       `cmd:"" help:"Show the longest waits and who holds up most, live; q ends it."`

	Ready  readyCommand  `cmd:"" help:"Ask a running detector whether it sees everything, for health checks."`
	Verify verifyCommand `cmd:"" help:"Check the proof of a verdict, with nothing else."`
	Replay replayCommand `cmd:"" help:"Play a recording to a fresh detector, and compare what it announces."`

	Completion completionCommand `cmd:"" help:"Print a script that has a shell complete these commands."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal kills
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
	switch err := command.Run(); {
	case errors.Is(err, errStanding):
		return statusStanding
	case err != nil:
		complain(err)
		return statusFailed
	}
	return 0
}

// complain says what went wrong, whether or not somebody reads it: a daemon that
// cannot go on must end.
func complain(err error) {
	to := logsink.NewWriter(os.Stderr)
	_, _ = fmt.Fprintln(to, "waitgraph:", err)
	flush(to)
}

// flushTime is for what was printed last.
const flushTime = time.Second

func flush(all ...*logsink.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	for _, w := range all {
		w.Flush(ctx)
	}
}

// version returns the version of the module or, of a build from a work tree,
// its revision.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	return info.Main.Version
}
