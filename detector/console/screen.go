package console

import (
	"fmt"
	"io"
	"strings"
)

// Screen shows frames in the place of what is on a terminal, until it is left. A
// line that is too long ends at the edge.
type Screen struct{ W io.Writer }

// Control sequences of ECMA-48 and of xterm, which all terminals in use know.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l" // the other screen, no cursor, no wrapping
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	restOfLine  = "\x1b[K"
	restBelow   = "\x1b[J"
	reset       = "\x1b[m"
)

var sgr = [...]string{Plain: "", Heading: "\x1b[1m", Bad: "\x1b[1;31m", Warning: "\x1b[33m", Fine: "\x1b[32m"}

// Enter begins to show frames.
func (s Screen) Enter() error { return s.print(enterScreen) }

// Leave restores what was there before.
func (s Screen) Leave() error { return s.print(leaveScreen) }

// Show shows a frame, as much of it as there is room for.
func (s Screen) Show(lines []Line, width, height int) error {
	var b strings.Builder
	b.WriteString(home)
	for i, l := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(sgr[l.Tone] + clip(l.Text, width) + reset + restOfLine)
	}
	b.WriteString(restBelow)
	return s.print(b.String())
}

// clip returns at most so many letters of s: a name may be endless.
func clip(s string, most int) string {
	for i := range s {
		if most--; most < 0 {
			return s[:i]
		}
	}
	return s
}

func (s Screen) print(text string) error {
	if _, err := io.WriteString(s.W, text); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Text writes a frame for programs and files.
func Text(w io.Writer, lines []Line) error {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Text + "\n")
	}
	return Screen{w}.print(b.String())
}
