package endtoend_test

import (
	"fmt"
	"testing"
	"time"
)

// A ring is found however it closes: by one request that comes back to where it
// began, or by all processes at once, so that no call chain meets itself.
func TestRings(t *testing.T) {
	for _, size := range []int{1, 2, 3, 10} {
		for _, atOnce := range []bool{false, true} {
			t.Run(fmt.Sprintf("size=%d/at_once=%t", size, atOnce), func(t *testing.T) {
				everywhere(t, func(t *testing.T, s *system) {
					r := newRing(s, size, 16)
					time.Sleep(time.Second) // the first heartbeats tell who consumes what
					_, _, confirmed := r.deadlock(atOnce)
					if got := len(confirmed.Verdict.Core); got != size {
						t.Errorf("the core has %d members, not %d", got, size)
					}
					if in := confirmed.Verdict.InBand; in == atOnce && size > 1 {
						t.Errorf("in band: %t", in)
					}
				})
			})
		}
	}
}
