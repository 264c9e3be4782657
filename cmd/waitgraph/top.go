package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/waitgraph/waitgraph/detector/client"
	"github.com/waitgraph/waitgraph/detector/console"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
)

type topCommand struct {
	server
	Interval time.Duration `default:"1s" help:"Time between two frames (default: ${default})."`
}

const (
	pipedHeight = 60                     // lines of a frame that nobody looks at
	lookAtSize  = 100 * time.Millisecond // between two looks at the size of the terminal
	idleShare   = 4                      // a detector that needs long for an answer is asked less often
)

// Validate returns an error if the flags cannot work.
func (c *topCommand) Validate() error {
	if c.Interval < lookAtSize {
		return fmt.Errorf("--interval must be %s or more", lookAtSize)
	}
	return nil
}

// Run shows frames at a terminal until it is told to stop, or writes one
// elsewhere.
func (c *topCommand) Run(ctx context.Context) error {
	a, err := c.connect()
	if err != nil {
		return err
	}
	defer a.Close()
	out := int(os.Stdout.Fd()) //nolint:gosec // a descriptor is small
	if !term.IsTerminal(out) {
		t, err := c.frame(ctx, a)
		if err != nil {
			return err
		}
		return console.Text(os.Stdout, t.Lines(pipedHeight))
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) { //nolint:gosec // a descriptor is small
		before, err := term.MakeRaw(in)
		if err != nil {
			return fmt.Errorf("set the terminal: %w", err)
		}
		defer term.Restore(in, before) //nolint:errcheck // there is nothing else to do
		go func() { waitForQuit(); stop() }()
	}
	screen := console.Screen{W: os.Stdout}
	if err := screen.Enter(); err != nil {
		return err
	}
	return errors.Join(c.live(ctx, a, screen, out), screen.Leave())
}

// waitForQuit reads keys until q or Ctrl-C, or until there are no more.
func waitForQuit() {
	const interrupt = 3
	for key := make([]byte, 1); ; {
		if _, err := os.Stdin.Read(key); err != nil || key[0] == 'q' || key[0] == 'Q' || key[0] == interrupt {
			return
		}
	}
}

// answer is a frame, or why there is none.
type answer struct {
	top console.Top
	err error
}

// frame asks for all that a frame shows.
func (c *topCommand) frame(ctx context.Context, a *client.Client) (t console.Top, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	t.Server = c.Server
	if t.Graph, err = a.Graph(ctx); err != nil {
		return t, err
	}
	t.Deadlocks, err = a.Deadlocks(ctx, history.Query{Limit: 1})
	return t, err
}

// poll asks again and again.
func (c *topCommand) poll(ctx context.Context, a *client.Client, to chan<- answer) {
	for {
		asked := time.Now()
		t, err := c.frame(ctx, a)
		select {
		case to <- answer{t, err}:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(max(c.Interval, idleShare*time.Since(asked))):
		case <-ctx.Done():
			return
		}
	}
}

// live shows what comes until ctx ends, and again when the terminal has another size.
func (c *topCommand) live(ctx context.Context, a *client.Client, screen console.Screen, out int) error {
	answers := make(chan answer)
	go c.poll(ctx, a, answers)
	look := time.NewTicker(lookAtSize)
	defer look.Stop()
	shown := answer{err: errors.New("asking " + explain.Printable(c.Server))}
	width, height := 0, 0
	for {
		w, h, err := term.GetSize(out)
		if err != nil {
			return fmt.Errorf("look at the terminal: %w", err)
		}
		if w != width || h != height {
			width, height = w, h
			if err := screen.Show(shown.lines(height), width, height); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case next := <-answers:
			if shown.err = next.err; next.err == nil {
				shown = next
			}
			width = 0 // show it
		}
	}
}

// lines lays out the last frame, and above it why there is no later one.
func (s *answer) lines(height int) []console.Line {
	if s.err == nil {
		return s.top.Lines(height)
	}
	trouble := console.Line{Tone: console.Warning, Text: explain.Printable(s.err.Error())}
	if s.top.Server == "" {
		return []console.Line{trouble}
	}
	return append([]console.Line{trouble}, s.top.Lines(height-1)...)
}
