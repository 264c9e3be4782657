package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// narrator tells what happens while it happens. On a terminal the last line
// shows what is going on and is drawn over; elsewhere that is a plain line each
// second. It is safe for concurrent use.
type narrator struct {
	live bool

	mu     sync.Mutex
	w      io.Writer
	status bool // the last line is to be drawn over
}

// tick is how often the status is worth telling.
func (n *narrator) tick() time.Duration {
	if n.live {
		return 100 * time.Millisecond
	}
	return time.Second
}

// say prints lines.
func (n *narrator) say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
	n.print(fmt.Sprintf(format+"\n", args...))
}

// event prints what happened at an instant of the phase. Further lines of the
// text are indented like the first.
func (n *narrator) event(at time.Duration, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.say("  %7.3f s  %s", at.Seconds(), strings.ReplaceAll(text, "\n", "\n             "))
}

// title announces a phase.
func (n *narrator) title(format string, args ...any) {
	n.say("\n%s", n.paint(bold, fmt.Sprintf(format, args...)))
}

// Renditions of a terminal.
const (
	bold  = "1"
	red   = "31"
	green = "32"
)

// paint returns text in a rendition, where there is a terminal.
func (n *narrator) paint(rendition, text string) string {
	if !n.live {
		return text
	}
	return "\x1b[" + rendition + "m" + text + "\x1b[0m"
}

// now replaces the status.
func (n *narrator) now(at time.Duration, format string, args ...any) {
	if !n.live {
		n.event(at, format, args...)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
	n.print(fmt.Sprintf("  %5.1f   s  %s", at.Seconds(), fmt.Sprintf(format, args...)))
	n.status = true
}

// verdict prints one step in the life of a verdict: all of it when it is
// confirmed, a line otherwise.
func (n *narrator) verdict(at time.Duration, v explain.Verdict) {
	if v.Status == detector.Confirmed {
		n.event(at, "%s", v)
		return
	}
	n.event(at, "%s", v.Summary)
}

// judged prints whether an expectation held.
func (n *narrator) judged(e Expectation) {
	if e.Held {
		n.say("      %s  %s", n.paint(green, "held"), e.Text)
		return
	}
	n.say("    %s  %s\n            but it was: %s", n.paint(red, "FAILED"), e.Text, e.Got)
}

// quiet removes the status.
func (n *narrator) quiet() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
}

// clear makes room for a new last line. The lock must be held.
func (n *narrator) clear() {
	if n.status {
		n.print("\r\x1b[K")
		n.status = false
	}
}

// print writes text. An error is of no interest: the result says what was
// found. The lock must be held.
func (n *narrator) print(text string) { _, _ = io.WriteString(n.w, text) }
