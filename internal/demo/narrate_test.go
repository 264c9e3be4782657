package demo

import (
	"strings"
	"testing"
	"time"
)

// On a terminal the status is drawn over by whatever comes next; elsewhere
// every line stays and nothing but text is written.
func TestStatusLine(t *testing.T) {
	for live, want := range map[bool]string{
		true:  "    1.0   s  waiting\r\x1b[K    2.0   s  waiting\r\x1b[K    2.500 s  over\n",
		false: "    1.000 s  waiting\n    2.000 s  waiting\n    2.500 s  over\n",
	} {
		var b strings.Builder
		n := &narrator{w: &b, live: live}
		n.now(time.Second, "waiting")
		n.now(2*time.Second, "waiting")
		n.event(2500*time.Millisecond, "over")
		n.quiet()
		if b.String() != want {
			t.Errorf("live %t: wrote %q, want %q", live, b.String(), want)
		}
	}
}
