package console

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/httpapi"
)

// Top is what a detector says at one instant, to be seen at a glance.
type Top struct {
	Server    string // whom it is asked of
	Graph     explain.Graph
	Deadlocks httpapi.Deadlocks
}

// Tone says how a line is meant.
type Tone int

// Tones.
const (
	Plain   Tone = iota
	Heading      // of a section
	Bad          // deadlocked
	Warning      // about to be
	Fine         // nothing is wrong
)

// Line is one line of a terminal. Its text is fit to be shown.
type Line struct {
	Tone Tone
	Text string
}

// Lines lays out a frame of so many lines: what stands and what is about to, the
// longest waits, and by whom most are held up.
func (t *Top) Lines(height int) []Line {
	lines := []Line{t.headline()}
	lines = append(lines, section(t.deadlocks(), height/4)...)
	lines = append(lines, section(t.pools(), height/5)...)
	holders := section(t.hottest(), height/3)
	waits := section(t.longest(), height-len(lines)-len(holders))
	lines = append(append(lines, waits...), holders...)
	return lines[:min(len(lines), max(height, 1))]
}

func (t *Top) headline() Line {
	waiting := 0
	for i := range t.Graph.Processes {
		if len(t.Graph.Processes[i].Waits) > 0 {
			waiting++
		}
	}
	line := Line{Fine, fmt.Sprintf("waitgraph %s  %s  %d processes, %d wait, ", explain.Printable(t.Server), t.Graph.At.Format(time.TimeOnly), len(t.Graph.Processes), waiting)}
	switch n := t.Deadlocks.StandingCount; n {
	case 0:
		line.Text += "no deadlock stands"
	case 1:
		line = Line{Bad, line.Text + "1 deadlock stands"}
	default:
		line = Line{Bad, line.Text + strconv.Itoa(n) + " deadlocks stand"}
	}
	return line
}

// block is a table of which each row has a tone.
type block struct {
	head  []string
	rows  [][]string
	tones []Tone
}

func (b *block) add(tone Tone, cells ...string) {
	b.rows, b.tones = append(b.rows, cells), append(b.tones, tone)
}

// section lays out a block in at most so many lines, with an empty one before it.
func section(b block, most int) []Line {
	n := min(len(b.rows), most-2)
	if n <= 0 {
		return nil
	}
	var text bytes.Buffer
	t := newTable(&text, b.head...)
	for _, r := range b.rows[:n] {
		t.row(r...)
	}
	_ = t.flush() // a buffer takes everything
	lines := []Line{{}}
	for i, s := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		if s = strings.TrimRight(s, " "); i == 0 {
			if more := len(b.rows) - n; more > 0 {
				s += fmt.Sprintf("  (%d more)", more)
			}
			lines = append(lines, Line{Heading, s})
		} else {
			lines = append(lines, Line{b.tones[i-1], s})
		}
	}
	return lines
}

func (t *Top) deadlocks() block {
	b := block{head: []string{"DEADLOCK", "STATUS", "SHAPE", "STANDS", "BEFORE", "CORE"}}
	for i := range t.Deadlocks.Standing {
		d := &t.Deadlocks.Standing[i]
		before := "?"
		if d.Recurrence != nil {
			before = strconv.Itoa(d.Recurrence.Before)
		}
		b.add(Bad, d.ID, string(d.Status), fmt.Sprintf("%s of %d", d.Kind, d.CoreCount), lasted(d, t.Deadlocks.At), before, members(d))
	}
	return b
}

// pools lists those with all workers blocked, or all but one.
func (t *Top) pools() block {
	b := block{head: []string{"POOL", "BLOCKED", "REQUESTS WAITING", ""}}
	for i := range t.Graph.Pools {
		p := &t.Graph.Pools[i]
		blocked := fmt.Sprintf("%d of %d", p.Blocked, p.Workers)
		switch {
		case p.Workers > 0 && p.Blocked == p.Workers:
			b.add(Bad, p.Queue, blocked, strconv.Itoa(p.Waiting), "no worker is left")
		case p.LastWorker:
			b.add(Warning, p.Queue, blocked, strconv.Itoa(p.Waiting), "its last worker")
		}
	}
	return b
}

// longest lists waits, the oldest first.
func (t *Top) longest() block {
	type waiting struct {
		node *explain.Node
		wait *explain.Wait
	}
	var all []waiting
	for i := range t.Graph.Processes {
		n := &t.Graph.Processes[i]
		for j := range n.Waits {
			all = append(all, waiting{n, &n.Waits[j]})
		}
	}
	slices.SortStableFunc(all, func(a, b waiting) int { return a.wait.Since.Compare(b.wait.Since) })
	b := block{head: []string{"WAITS", "PROCESS", "FOR", "OF", "HELD BY", "GIVES UP IN"}}
	for _, w := range all {
		left := "never"
		if !w.wait.Deadline.IsZero() {
			left = explain.Duration(w.wait.Deadline.Sub(t.Graph.At))
		}
		since := "?"
		if !w.wait.Since.IsZero() {
			since = explain.Duration(t.Graph.At.Sub(w.wait.Since))
		}
		b.add(tone(w.node), since, w.node.Name, w.wait.Kind, w.wait.Target(), firstHolder(w.wait), left)
	}
	return b
}

func tone(n *explain.Node) Tone {
	switch {
	case n.Verdict != "":
		return Bad
	case n.Deadlocked:
		return Warning
	}
	return Plain
}

func firstHolder(w *explain.Wait) string {
	switch {
	case len(w.Holders) == 0:
		return "nobody known"
	case w.HolderCount > 1:
		return fmt.Sprintf("%s or %d more", w.Holders[0].Name, w.HolderCount-1)
	}
	return w.Holders[0].Name
}

// heat is how much is held up by one process directly.
type heat struct {
	holder  explain.Holder
	waiters int
	since   time.Time // of the longest
}

// hottest lists those that hold up most, first.
func (t *Top) hottest() block {
	nodes, heats := map[explain.Holder]*explain.Node{}, map[explain.Holder]*heat{}
	for i := range t.Graph.Processes {
		n := &t.Graph.Processes[i]
		nodes[explain.Holder{Name: n.Name, Agent: n.Agent, Activation: n.Activation}] = n
		for j := range n.Waits {
			for _, h := range n.Waits[j].Holders {
				warm(heats, h, n.Waits[j].Since)
			}
		}
	}
	all := make([]*heat, 0, len(heats))
	for _, h := range heats {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *heat) int {
		return cmp.Or(cmp.Compare(b.waiters, a.waiters), a.since.Compare(b.since), cmp.Compare(a.holder.Name, b.holder.Name),
			cmp.Compare(a.holder.Agent, b.holder.Agent), cmp.Compare(a.holder.Activation, b.holder.Activation))
	})
	b := block{head: []string{"HOLDS UP", "LONGEST", "PROCESS", "SERVICE", "ITSELF"}}
	for _, h := range all {
		longest := "?"
		if !h.since.IsZero() {
			longest = explain.Duration(t.Graph.At.Sub(h.since))
		}
		if n := nodes[h.holder]; n != nil {
			b.add(tone(n), strconv.Itoa(h.waiters), longest, n.Name, n.Service, state(n))
		} else {
			b.add(Plain, strconv.Itoa(h.waiters), longest, h.holder.Name, "", "not known")
		}
	}
	return b
}

func warm(heats map[explain.Holder]*heat, holder explain.Holder, since time.Time) {
	h := heats[holder]
	if h == nil {
		h = &heat{holder: holder, since: since}
		heats[holder] = h
	}
	h.waiters++
	if !since.IsZero() && (h.since.IsZero() || since.Before(h.since)) {
		h.since = since
	}
}

func state(n *explain.Node) string {
	switch {
	case n.Verdict != "":
		return "core of " + n.Verdict
	case n.Deadlocked:
		return "deadlocked"
	case len(n.Waits) == 0:
		return "active"
	}
	return "waits for " + n.Waits[0].Kind + " of " + n.Waits[0].Target()
}
