package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

// Player is told what a replay comes upon, in order.
type Player struct {
	// Announced is told each announcement of the fresh detector.
	Announced func(at time.Time, a detector.Announce)
	// Noted is told in words what keeps a recording from being whole, and how
	// an announcement differs from the recorded one.
	Noted func(words string)
}

// Result sums up a replay.
type Result struct {
	Recordings    int
	Events        uint64 // ticks included
	Announcements uint64 // of the fresh detectors
	Compared      uint64 // with what was recorded
	Different     uint64
	Gaps          uint64 // places at which something is missing
}

// Replay plays files, each recording to a detector of its own, in the order in
// which they were recorded. From the first gap in a recording on, its
// announcements are not compared any more.
func Replay(paths []string, p Player) (Result, error) {
	var r replay
	r.Player = p
	files, err := sorted(paths)
	if err != nil {
		return r.Result, err
	}
	for _, f := range files {
		r.begin(f)
		err := lines(f.path, r.line, func() { r.gap("the last line of " + f.path + " is cut off") })
		if err != nil {
			return r.Result, err
		}
	}
	r.end()
	return r.Result, nil
}

// replay is a replay under way.
type replay struct {
	Player
	Result

	present file
	machine *detector.Detector
	whole   bool // nothing is missing so far
	pending []pending
}

// pending is an announcement that is not yet found in the recording.
type pending struct {
	at   time.Time
	data []byte
}

// begin takes up a file.
func (r *replay) begin(f file) {
	if r.machine == nil || f.Recording != r.present.Recording {
		r.end()
		r.Recordings++
		r.machine, r.whole = detector.New(detector.Config(f.Config)), true
		r.present = file{start: start{Recording: f.Recording}}
	}
	if f.File != r.present.File+1 {
		r.gap(fmt.Sprintf("before %s, files %d to %d of the recording are missing", f.path, r.present.File+1, f.File-1))
	}
	r.present = f
}

// end ends a recording. What came of its last event may not have been written.
func (r *replay) end() { r.pending = nil }

func (r *replay) gap(words string) {
	r.whole = false
	r.Gaps++
	r.Noted(words)
}

func (r *replay) line(l *line) error {
	switch {
	case l.Start != nil:
		return nil
	case l.Dropped > 0:
		r.gap(fmt.Sprintf("%s: %d lines were dropped here", stamp(l.At), l.Dropped))
		return nil
	case l.Announced != nil:
		r.compare(l)
		return nil
	}
	r.settle()
	r.Events++
	if l.Tick {
		return r.take(l.At, r.machine.Tick(l.At))
	}
	e, err := l.event()
	if err != nil {
		return err
	}
	return r.take(l.At, r.machine.Step(l.At, e))
}

// take takes the announcements among the effects.
func (r *replay) take(at time.Time, effects []detector.Effect) error {
	for _, e := range effects {
		a, ok := e.(detector.Announce)
		if !ok {
			continue
		}
		r.Announcements++
		r.Announced(at, a)
		data, err := announcement(at, &a)
		if err != nil {
			return err
		}
		r.pending = append(r.pending, pending{at, data})
	}
	return nil
}

// compare holds a recorded announcement against the next one that was made.
func (r *replay) compare(l *line) {
	if !r.whole {
		return
	}
	r.Compared++
	if len(r.pending) == 0 {
		r.differ(fmt.Sprintf("%s: recorded, but not announced now: %s", stamp(l.At), summary(l.Announced)))
		return
	}
	now := r.pending[0]
	r.pending = r.pending[1:]
	if !bytes.Equal(now.data, l.Announced) {
		r.differ(fmt.Sprintf("%s: recorded: %s; announced now: %s; they differ in %s",
			stamp(l.At), summary(l.Announced), summary(now.data), difference(l.Announced, now.data)))
	}
}

// settle finds, before the next event, what was announced and is not recorded.
func (r *replay) settle() {
	if r.whole {
		for _, a := range r.pending {
			r.differ(fmt.Sprintf("%s: announced now, but not recorded: %s", stamp(a.at), summary(a.data)))
		}
	}
	r.pending = nil
}

func (r *replay) differ(words string) {
	r.Different++
	r.Noted(words)
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }

// summary returns an announcement in a line.
func summary(data []byte) string {
	var a struct {
		Verdict struct{ ID, Status, Summary string }
	}
	if json.Unmarshal(data, &a) != nil {
		return "something that is no verdict"
	}
	return fmt.Sprintf("%q %s", a.Verdict.ID, a.Verdict.Summary)
}

// difference names the members in which two announcements differ.
func difference(a, b []byte) string {
	var x, y struct {
		Again   bool                       `json:"again"`
		Verdict map[string]json.RawMessage `json:"verdict"`
	}
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return "their form"
	}
	if x.Again != y.Again {
		return "whether it is repeated"
	}
	var names []string
	for name, value := range x.Verdict {
		if !bytes.Equal(value, y.Verdict[name]) {
			names = append(names, name)
		}
	}
	for name := range y.Verdict {
		if _, ok := x.Verdict[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
