package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// writeTable prints the comparison, a line for each phase.
func writeTable(w io.Writer, phases []Phase) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "\tdetected after\tcrashed after\tratio\twho crashed")
	for _, p := range phases {
		detected, crash, ratio := "-", "-", "-"
		if d := p.Deadlock; d != nil {
			detected, crash = after(d.Confirmed), after(d.Crashed)
			if d.Ratio > 0 {
				ratio = fmt.Sprintf("%s : 1", thousands(int64(d.Ratio)))
			}
		}
		if !p.Watched {
			detected = "not watched"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", p.Name, detected, crash, ratio, list(crashed(&p)))
	}
	t.Flush()
}

func after(s *Seconds) string {
	if s == nil {
		return "-"
	}
	return short(time.Duration(*s))
}

// short returns d with three digits or so.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return strconv.FormatFloat(d.Round(10*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
}

// WriteText prints what was found: the comparison and where the timeline is.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString("\n")
	writeTable(&b, r.Phases)
	if r.Timeline != "" {
		fmt.Fprintf(&b, "\nTimeline: %s\n", r.Timeline)
	}
	if r.Passed {
		b.WriteString("\nEvery expectation held.\n")
	} else {
		b.WriteString("\nNOT every expectation held: see above.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
