package scenario

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

// Total sums up many runs of a scenario.
type Total struct {
	Name       string
	Runs       int
	Terminated int // runs, and so are the next two
	Deadlocked int
	Otherwise  int             // not as expected
	Missed     int             // processes
	False      int             // verdicts
	Delays     []time.Duration // from the forming of each deadlock to its confirmation, sorted
	Worst      *Run            // the one with the lowest seed that did not pass; nil if all did
}

// Passed reports whether all runs did.
func (t *Total) Passed() bool { return t.Worst == nil }

// PlayMany plays a scenario with so many seeds, the first of which is given, on
// all processors. Progress, if not nil, is called after each run, by one
// goroutine at a time.
func PlayMany(ctx context.Context, s *Scenario, seed uint64, runs int, progress func(done int)) *Total {
	t := &Total{Name: s.Name}
	var lock sync.Mutex
	var all sync.WaitGroup
	lanes := runtime.GOMAXPROCS(0)
	for lane := range lanes {
		all.Go(func() {
			for i := lane; i < runs && ctx.Err() == nil; i += lanes {
				r := Play(s, seed+uint64(i))
				lock.Lock()
				if t.add(r); progress != nil {
					progress(t.Runs)
				}
				lock.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(t.Delays)
	return t
}

func (t *Total) add(r *Run) {
	t.Runs++
	t.Missed += len(r.Missed)
	t.False += len(r.False)
	if r.Terminated {
		t.Terminated++
	}
	if r.Deadlocked {
		t.Deadlocked++
	}
	if len(r.Unexpected) > 0 {
		t.Otherwise++
	}
	for i := range r.Verdicts {
		if v := &r.Verdicts[i]; v.Formed >= 0 {
			t.Delays = append(t.Delays, v.At-v.Formed)
		}
	}
	if !r.Passed() && (t.Worst == nil || r.Seed < t.Worst.Seed) {
		t.Worst = r
	}
}

// quantile returns a detection delay in words.
func (t *Total) quantile(percent int) string {
	if len(t.Delays) == 0 {
		return "-"
	}
	return round(t.Delays[(len(t.Delays)-1)*percent/100]).String()
}

// WriteTable writes one line for each scenario.
func WriteTable(w io.Writer, totals []*Total) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, args ...any) { fmt.Fprintf(table, format, args...) } //nolint:errcheck // Flush tells
	line("scenario\truns\tterminated\tdeadlocked\tmissed\tfalse\tnot as expected\tp50\tp99\t\n")
	for _, t := range totals {
		line("%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", t.Name, t.Runs, t.Terminated, t.Deadlocked, t.Missed, t.False, t.Otherwise,
			t.quantile(50), t.quantile(99))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
