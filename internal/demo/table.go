package demo

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// table returns the comparison, a line for each phase.
func table(phases []Phase) string {
	rows := [][]string{{"", "detected after", "crashed after", "ratio", "who crashed", "result"}}
	for i := range phases {
		rows = append(rows, row(&phases[i]))
	}
	if !slices.ContainsFunc(phases, func(p Phase) bool { return p.Result != "" }) {
		for i, row := range rows {
			rows[i] = row[:len(row)-1]
		}
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		last := len(row) - 1
		for i, cell := range row[:last] {
			fmt.Fprintf(&b, "%-*s   ", widths[i], cell)
		}
		b.WriteString(row[last] + "\n")
	}
	return b.String()
}

func row(p *Phase) []string {
	detected, crash, ratio := "-", "-", "-"
	if d := p.Deadlock; d != nil {
		detected, crash = after(d.Confirmed), after(d.Crashed)
		if d.Ratio > 0 {
			ratio = fmt.Sprintf("%s : 1", Thousands(int64(d.Ratio)))
		}
	}
	if !p.Watched {
		detected = "not watched"
	}
	return []string{p.Name, detected, crash, ratio, List(crashed(p)), p.Result}
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
	b.WriteString("\n" + table(r.Phases))
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
