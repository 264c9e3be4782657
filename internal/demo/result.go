package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/internal/demo/timeline"
)

// Result is what the demo found. Its JSON form is documented in docs/demo.md.
type Result struct {
	Example  string    `json:"example"`
	Broker   string    `json:"broker"`   // where it is, without user and password
	Embedded bool      `json:"embedded"` // the broker runs in this OS process
	Started  time.Time `json:"started"`
	Passed   bool      `json:"passed"` // every expectation of every phase held
	Timeline string    `json:"timeline,omitempty"`
	Phases   []Phase   `json:"phases"`

	title, subtitle string // of the timeline
	panels          []timeline.Panel
}

// Phase is what happened in one scene. Times are offsets from its start.
type Phase struct {
	Name         string            `json:"name"`
	Title        string            `json:"title"`
	Watched      bool              `json:"watched"` // by waitgraph
	Passed       bool              `json:"passed"`
	Result       string            `json:"result,omitempty"` // what came of it, in a few words
	Deadlock     *Deadlock         `json:"deadlock,omitempty"`
	Calls        []Call            `json:"calls"`
	Crashes      []Crash           `json:"crashes"`
	Events       []Event           `json:"events"`
	Waits        []Wait            `json:"waits"`
	Verdicts     []explain.Verdict `json:"verdicts"` // as the sidecar's API has them, one for each step
	Expectations []Expectation     `json:"expectations"`
}

// Deadlock compares when a deadlock was detected with when it crashed somebody.
// All but Formed are counted from the moment it formed.
type Deadlock struct {
	Formed    Seconds  `json:"formed_seconds"` // when the last wait began that nobody answered
	Suspected *Seconds `json:"suspected_after_seconds,omitempty"`
	Confirmed *Seconds `json:"confirmed_after_seconds,omitempty"`
	Crashed   *Seconds `json:"crashed_after_seconds,omitempty"` // the first crash
	Ratio     float64  `json:"ratio,omitempty"`                 // Crashed to Confirmed
}

// Call is one question from outside.
type Call struct {
	Process string  `json:"process"`
	Request string  `json:"request"` // as people would write it: service_a.compute(42)
	Answer  string  `json:"answer,omitempty"`
	Error   string  `json:"error,omitempty"`
	Took    Seconds `json:"took_seconds"`
}

// Crash is one process that did not survive a timeout.
type Crash struct {
	Process string  `json:"process"`
	At      Seconds `json:"at_seconds"`
	Cause   string  `json:"cause"`
}

// Event is anything else that the system did.
type Event struct {
	Process string  `json:"process,omitempty"`
	At      Seconds `json:"at_seconds"`
	Text    string  `json:"text"`
}

// Wait is one wait for an answer, or for anything else that others grant.
type Wait struct {
	Process string  `json:"process"`
	For     string  `json:"for"` // the queue that the request went to, the lock, …
	From    Seconds `json:"from_seconds"`
	To      Seconds `json:"to_seconds"`
	Outcome Outcome `json:"outcome"`
}

// Outcome says how a wait ended.
type Outcome string

// The outcomes.
const (
	Waiting  Outcome = "waiting" // it has not ended
	Answered Outcome = "answered"
	TimedOut Outcome = "timeout"
	Failed   Outcome = "failed" // with an error, or given up
)

// Expectation is something that had to be so.
type Expectation struct {
	Text string `json:"text"`
	Held bool   `json:"held"`
	Got  string `json:"got,omitempty"` // what was so instead
}

// Seconds is a duration whose JSON form is a number of seconds.
type Seconds time.Duration

// MarshalJSON implements json.Marshaler, exact to the microsecond.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Round(time.Microsecond).Seconds(), 'f', -1, 64), nil
}

// WriteJSON writes the result as one JSON object.
func (r *Result) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// WriteTimeline draws the phases as an SVG.
func (r *Result) WriteTimeline(w io.Writer) error {
	return r.chart().WriteSVG(w)
}

// broker says which broker was used.
func (r *Result) broker() string {
	if r.Embedded {
		return "embedded in this OS process, at " + r.Broker
	}
	return "RabbitMQ at " + r.Broker
}
