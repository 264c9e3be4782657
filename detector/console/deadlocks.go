package console

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
)

// maxNamed is how many processes a cell names.
const maxNamed = 4

// Deadlocks writes a table of those that stand and those that have ended.
func Deadlocks(w io.Writer, d *httpapi.Deadlocks) error {
	var head []string
	if len(d.Standing)+len(d.Past) > 0 {
		head = []string{"ID", "STATUS", "FOUND", "SHAPE", "LASTED", "BEFORE", "CORE"}
	}
	t := newTable(w, head...)
	for i := range d.Standing {
		t.deadlock(&d.Standing[i], d.At)
	}
	for i := range d.Past {
		t.deadlock(&d.Past[i], d.At)
	}
	if err := t.flush(); err != nil {
		return err
	}
	var notes []string
	if len(d.Standing)+len(d.Past) == 0 {
		notes = append(notes, "No deadlock is known.")
	}
	if more := d.StandingCount - len(d.Standing); more > 0 {
		notes = append(notes, fmt.Sprintf("%d more are standing.", more))
	}
	if d.Next != "" {
		notes = append(notes, "There are earlier ones: --cursor="+explain.Printable(d.Next))
	}
	if d.History == "failing" {
		notes = append(notes, "The history fails: "+explain.Printable(d.HistoryError))
	}
	for _, n := range notes {
		if _, err := fmt.Fprintln(w, n); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

func (t *table) deadlock(d *history.Deadlock, at time.Time) {
	status := string(d.Status)
	switch {
	case d.EndUnseen:
		status += ", end unseen"
	case d.Cause != "":
		status += " by " + d.Cause
	}
	before := "?"
	if d.Recurrence != nil {
		before = strconv.Itoa(d.Recurrence.Before)
	}
	t.row(d.ID, status, d.Suspected.UTC().Format(time.RFC3339), fmt.Sprintf("%s of %d", d.Kind, d.CoreCount), lasted(d, at), before, members(d))
}

// lasted words for how long a deadlock has stood.
func lasted(d *history.Deadlock, at time.Time) string {
	switch {
	case d.Since.IsZero():
		return "?"
	case !d.Ended.IsZero():
		return explain.Duration(d.Ended.Sub(d.Since))
	case d.EndUnseen:
		return "?"
	}
	return explain.Duration(at.Sub(d.Since)) + " so far"
}

func members(d *history.Deadlock) string {
	names := make([]string, 0, maxNamed)
	for i := range d.Core[:min(len(d.Core), maxNamed)] {
		names = append(names, d.Core[i].Name)
	}
	if len(names) == 0 {
		return fmt.Sprintf("%d processes", d.CoreCount)
	}
	s := strings.Join(names, ", ")
	if more := d.CoreCount - len(names); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// Deadlock writes one verdict in full: its explanation, and what came before.
func Deadlock(w io.Writer, d *httpapi.Deadlock) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", printableLines(d.String()))
	fmt.Fprintf(&b, "\nFound %s, pattern %s.\n", d.Suspected.UTC().Format(time.RFC3339Nano), explain.Printable(d.Fingerprint))
	if r := d.Recurrence; r != nil {
		if r.Before == 0 {
			b.WriteString("The first of its pattern.\n")
		} else {
			fmt.Fprintf(&b, "The same pattern came %d times before, first %s, last %s.\n", r.Before, r.First.UTC().Format(time.RFC3339), r.Last.UTC().Format(time.RFC3339))
		}
	}
	if d.EndUnseen {
		b.WriteString("Its end was not seen: the detector stopped before.\n")
	}
	if d.Proof == nil {
		fmt.Fprintf(&b, "No proof: %s.\n", explain.Printable(d.Unproven))
	} else {
		fmt.Fprintf(&b, "Proven by the answers of %d agents; to check: waitgraph explain --format=json %s | waitgraph verify -\n", len(d.Proof.Answers), explain.Printable(d.ID))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// printableLines returns lines of text of which each is fit for a terminal.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = explain.Printable(l)
	}
	return strings.Join(lines, "\n")
}

// Drawing writes a graph in Graphviz's language or as SVG. What is not printable
// in it the detector has escaped; what is all the same becomes a question mark.
func Drawing(w io.Writer, text string) error {
	clean := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || explain.Printable(string(r)) == string(r) {
			return r
		}
		return '?'
	}, text)
	if _, err := io.WriteString(w, clean); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// table aligns columns.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, head ...string) *table {
	t := &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	if len(head) > 0 {
		t.row(head...)
	}
	return t
}

func (t *table) row(cells ...string) {
	for i, c := range cells {
		cells[i] = explain.Printable(c)
	}
	_, _ = fmt.Fprintln(t.w, strings.Join(cells, "\t")) // an error comes again when it is flushed
}

func (t *table) flush() error {
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
