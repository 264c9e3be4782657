package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/wire"
)

// line is one line of a file. Besides At, one member is set.
type line struct {
	At          time.Time       `json:"t"`
	Start       *start          `json:"start,omitempty"`
	Tick        bool            `json:"tick,omitempty"`
	Batch       []byte          `json:"batch,omitempty"`
	Unreachable *unreachable    `json:"unreachable,omitempty"`
	Counted     *counted        `json:"counted,omitempty"`
	Announced   json.RawMessage `json:"announced,omitempty"`
	Dropped     uint64          `json:"dropped,omitempty"`
}

type start struct {
	Recording string `json:"recording"`
	File      int    `json:"file"` // from 1
	Config    config `json:"config"`
}

// config is detector.Config; durations are in nanoseconds.
type config struct {
	Lease    time.Duration `json:"lease"`
	AskAgain time.Duration `json:"ask_again"`
	Remind   time.Duration `json:"remind"`
}

type unreachable struct {
	Agent       string `json:"agent"`
	Incarnation uint64 `json:"incarnation"`
	Round       uint64 `json:"round"`
}

type counted struct {
	Queue     string `json:"queue"`
	Round     uint64 `json:"round"`
	Consumers int    `json:"consumers"`
	Ready     int    `json:"ready"`
	Err       string `json:"err,omitempty"`
}

type announced struct {
	Again   bool `json:"again,omitempty"`
	Verdict any  `json:"verdict"`
}

// lineOf returns the line about an event.
func lineOf(at time.Time, e detector.Event) (line, error) {
	l := line{At: at.UTC()}
	switch e := e.(type) {
	case detector.Reported:
		batch, err := wire.EncodeBatch(at, e.Batch)
		l.Batch = batch
		return l, err
	case detector.Unreachable:
		l.Unreachable = &unreachable{e.Agent.Name, e.Agent.Incarnation, e.Round}
	case detector.QueueCounted:
		l.Counted = &counted{e.Queue, e.Round, e.Consumers, e.Ready, e.Err}
	default:
		return l, fmt.Errorf("record event: unknown kind %T", e)
	}
	return l, nil
}

var errNoEvent = errors.New("a line without a known event")

// event returns the event of a line that is about one.
func (l *line) event() (detector.Event, error) {
	switch {
	case l.Batch != nil:
		b, err := wire.DecodeBatch(l.Batch)
		return detector.Reported{Batch: b}, err
	case l.Unreachable != nil:
		u := l.Unreachable
		return detector.Unreachable{Agent: report.Agent{Name: u.Agent, Incarnation: u.Incarnation}, Round: u.Round}, nil
	case l.Counted != nil:
		c := l.Counted
		return detector.QueueCounted{Queue: c.Queue, Round: c.Round, Consumers: c.Consumers, Ready: c.Ready, Err: c.Err}, nil
	}
	return nil, errNoEvent
}

// announcement returns what is recorded of an announcement. A proof is recorded
// where it is new, and of what is only repeated no more than the summary.
func announcement(at time.Time, a *detector.Announce) (json.RawMessage, error) {
	v := explain.OfProven(a.Verdict, at)
	if v.Status != detector.Confirmed {
		v.Proof = nil
	}
	if !a.Again {
		return json.Marshal(announced{Verdict: v})
	}
	return json.Marshal(announced{Again: true, Verdict: struct {
		ID      string          `json:"id"`
		Status  detector.Status `json:"status"`
		Summary string          `json:"summary"`
	}{v.ID, v.Status, v.Summary}})
}
