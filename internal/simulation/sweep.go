package simulation

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Totals sum up many runs.
type Totals struct {
	First, Seeds uint64 // runs were of Seeds seeds from First on
	Events       uint64
	Deadlocked   int
	Stood        int
	Suspected    int
	Confirmed    int
	Retracted    int
	Contradicted int
	Unknowable   int
	Phantoms     int
	Misses       int
	Lapses       int
	delays       map[time.Duration]int // by their upper bounds
}

// Add takes in one run.
func (t *Totals) Add(s *Score) {
	t.Seeds++
	t.Events += s.Events
	t.Deadlocked += s.Deadlocked
	t.Stood += s.Stood
	t.Suspected += s.Suspected
	t.Confirmed += s.Confirmed
	t.Retracted += s.Retracted
	t.Contradicted += s.Contradicted
	t.Unknowable += len(s.Unknowable)
	t.Phantoms += len(s.Phantoms)
	t.Misses += len(s.Misses)
	t.Lapses += len(s.Lapses)
	if t.delays == nil {
		t.delays = make(map[time.Duration]int)
	}
	for _, d := range s.Delays {
		t.delays[bucket(d)]++
	}
}

// bucket returns the upper bound of the bucket that a delay falls into, at most
// a tenth above it.
func bucket(d time.Duration) time.Duration {
	b := 100 * time.Microsecond
	for b < d {
		b += b / 10
	}
	return b
}

// Delay returns the delay that so many of a hundred confirmations, in calm
// times, did not exceed.
func (t *Totals) Delay(percent float64) time.Duration {
	var bounds []time.Duration
	n := 0
	for b, count := range t.delays {
		bounds = append(bounds, b)
		n += count
	}
	slices.Sort(bounds)
	rank := percent / 100 * float64(n)
	for _, b := range bounds {
		if rank -= float64(t.delays[b]); rank <= 0 {
			return b
		}
	}
	return 0
}

func (t *Totals) String() string {
	return fmt.Sprintf("seeds %d to %d: %d events, %d processes deadlocked (%d beyond %v), "+
		"%d suspected, %d confirmed, %d retracted, %d contradicted; "+
		"confirmed after p50 %v, p99 %v, max %v; %d unknowable, %d phantoms, %d misses, %d lapses",
		t.First, t.First+t.Seeds-1, t.Events, t.Deadlocked, t.Stood, Bound,
		t.Suspected, t.Confirmed, t.Retracted, t.Contradicted,
		round(t.Delay(50)), round(t.Delay(99)), round(t.Delay(100)), t.Unknowable, t.Phantoms, t.Misses, t.Lapses)
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// Sweep runs the seeds from first on, so many at a time, until their runs have
// had that many events. It hands each score to see, one at a time, in the order
// of the seeds, and stops early when see returns false.
func Sweep(first, events uint64, workers int, see func(*Score) bool) Totals {
	var (
		mu    sync.Mutex
		turn  = sync.NewCond(&mu)
		total = Totals{First: first}
		next  = first
		seen  = first
		done  bool
		group sync.WaitGroup
	)
	for range workers {
		group.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for !done {
				seed := next
				next++
				mu.Unlock()
				s := Run(seed, RandomOptions(seed))
				mu.Lock()
				for seen != seed {
					turn.Wait()
				}
				seen++
				turn.Broadcast()
				if !done {
					total.Add(&s)
					done = !see(&s) || total.Events >= events
				}
			}
		})
	}
	group.Wait()
	return total
}
