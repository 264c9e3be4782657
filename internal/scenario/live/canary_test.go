package live

import (
	"sync"
	"testing"
	"time"
)

// canary is a goroutine that wants to run again and again, and notes how late it
// does: as late as all others are on this machine.
type canary struct {
	mu    sync.Mutex
	turns []turn // that came late
}

type turn struct {
	at   time.Time
	late time.Duration
}

const (
	// punctual is how late a machine may be that keeps its time.
	punctual = 20 * time.Millisecond
	// beat is how often the canary wants to run.
	beat = 10 * time.Millisecond
)

// sing lets a canary live until the function that it returns is called.
func sing(t *testing.T) (c *canary, end func()) {
	t.Helper()
	c = new(canary)
	ended := make(chan struct{})
	var life sync.WaitGroup
	life.Go(func() {
		for {
			began := time.Now()
			select {
			case <-time.After(beat):
			case <-ended:
				return
			}
			if late := time.Since(began) - beat; late > punctual {
				c.mu.Lock()
				c.turns = append(c.turns, turn{time.Now(), late})
				c.mu.Unlock()
			}
		}
	})
	return c, func() {
		close(ended)
		life.Wait()
	}
}

// late returns by how much the machine was late at most since a time, 0 if it was
// punctual.
func (c *canary) late(since time.Time) (worst time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.turns {
		if one.at.After(since) {
			worst = max(worst, one.late)
		}
	}
	return worst
}
