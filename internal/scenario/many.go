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
	First      *Run            // the one with the lowest seed
	Worst      *Run            // the one with the lowest seed that did not pass; nil if all did
}

// Passed reports whether all runs did.
func (t *Total) Passed() bool { return t.Worst == nil }

// Series says how to play a scenario many times.
type Series struct {
	Seed  uint64 // of the first run; the others have those that follow
	Runs  int
	Lanes int // how many to play at a time; 0: as many as there are processors
	// Progress, if not nil, is called after each run, by one goroutine at a time.
	Progress func(done int)
	// Play plays a run. Nil: in virtual time.
	Play func(ctx context.Context, s *Scenario, seed uint64) (*Run, error)
}

// virtually is Play in the form that a Series has.
func virtually(_ context.Context, s *Scenario, seed uint64) (*Run, error) { return Play(s, seed), nil }

// PlayMany plays a scenario many times. The first run that has an error is the
// last.
func PlayMany(ctx context.Context, s *Scenario, m Series) (*Total, error) {
	if m.Play == nil {
		m.Play = virtually
	}
	if m.Lanes == 0 {
		m.Lanes = runtime.GOMAXPROCS(0)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	t := &Total{Name: s.Name}
	var lock sync.Mutex
	var all sync.WaitGroup
	for lane := range m.Lanes {
		all.Go(func() {
			for i := lane; i < m.Runs && ctx.Err() == nil; i += m.Lanes {
				r, err := m.Play(ctx, s, m.Seed+uint64(i))
				if err != nil {
					stop(err)
					return
				}
				lock.Lock()
				if t.add(r); m.Progress != nil {
					m.Progress(t.Runs)
				}
				lock.Unlock()
			}
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.Sort(t.Delays)
	return t, nil
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
	if t.First == nil || r.Seed < t.First.Seed {
		t.First = r
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
