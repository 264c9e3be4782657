package explain

import (
	"encoding/hex"
	"math"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// Bounds on what is told of a list of processes: where all wait for all, what
// there is to tell grows with the cube of their number.
const (
	maxHolders  = 100             // of one wait
	listHolders = 1000            // of all waits of a list, but for the first of each
	listWaits   = report.MaxWaits // of all processes of a list, so that one has room for its waits
)

// Process is one process, and what it waits for if it is blocked.
type Process struct {
	Name       string `json:"process"`
	Agent      string `json:"agent"`
	Activation uint64 `json:"activation"`
	Service    string `json:"service,omitempty"`
	Host       string `json:"host,omitempty"`
	Epoch      uint64 `json:"epoch,omitempty"`
	Need       int    `json:"need,omitempty"` // how many of the waits must be granted
	Waits      []Wait `json:"waits,omitempty"`
	WaitCount  int    `json:"wait_count,omitempty"` // how many it has, where Waits leaves them out for want of room
}

// Wait is one resource that a process waits for.
type Wait struct {
	Resource    string    `json:"resource"`
	Kind        string    `json:"kind"` // reply, lock, permit, buffer, queue
	Since       time.Time `json:"since,omitzero"`
	Deadline    time.Time `json:"deadline,omitzero"`
	Exchange    string    `json:"exchange,omitempty"` // where the request went
	Key         string    `json:"key,omitempty"`      // with which routing key
	Queue       string    `json:"queue,omitempty"`    // where the request lies untaken, if it does
	Holders     []Holder  `json:"holders"`            // any of them can grant it; at most 100, and one at least if there is any
	HolderCount int       `json:"holder_count"`
	TraceID     string    `json:"trace_id,omitempty"`
	SpanID      string    `json:"span_id,omitempty"`
}

// Target names what a wait is for as people know it.
func (w *Wait) Target() string {
	switch {
	case w.Queue != "":
		return w.Queue
	case w.Kind == "reply" && w.Exchange != "":
		return w.Exchange + "/" + w.Key
	case w.Kind == "reply" && w.Key != "":
		return w.Key
	}
	return w.Resource
}

// Holder is a process that can grant a resource.
type Holder struct {
	Name       string `json:"process"`
	Agent      string `json:"agent"`
	Activation uint64 `json:"activation"`
}

// processes tells of the processes of a list: of the first in full, of the others
// as far as there is room.
func processes(members []detector.Member) []Process {
	t := newTeller(listWaits, listHolders)
	all := make([]Process, len(members))
	for i := range members {
		all[i] = t.process(&members[i])
	}
	return all
}

// teller tells of processes that have a bound together.
type teller struct {
	waits, holders int                     // for how many there is room
	agents         map[report.Agent]string // their names, each made once
}

func newTeller(waits, holders int) *teller {
	return &teller{waits: waits, holders: holders, agents: make(map[report.Agent]string)}
}

// unbounded returns a teller that has room for all.
func unbounded() *teller { return newTeller(math.MaxInt, math.MaxInt) }

// process tells of a process with all of its waits, or else with their count.
func (t *teller) process(m *detector.Member) Process {
	p := Process{
		Name: m.Key.Process, Agent: t.agent(m.Key.Agent), Activation: m.Key.Activation,
		Service: m.Service, Host: m.Host, Epoch: m.Epoch, Need: m.Need,
	}
	if n := len(m.Waits); n > t.waits {
		p.WaitCount = n
		return p
	}
	t.waits -= len(m.Waits)
	for i := range m.Waits {
		p.Waits = append(p.Waits, t.wait(&m.Waits[i]))
	}
	return p
}

func (t *teller) wait(e *detector.Edge) Wait {
	w := Wait{
		Resource: string(e.Resource), Kind: e.Kind.String(), Since: e.Since.UTC(), Deadline: e.Deadline.UTC(),
		Exchange: e.Destination.Exchange, Key: e.Destination.Key, Queue: e.Queue,
		Holders: make([]Holder, min(len(e.Holders), maxHolders, max(t.holders, 1))), HolderCount: len(e.Holders),
	}
	t.holders -= len(w.Holders)
	for i, k := range e.Holders[:len(w.Holders)] {
		w.Holders[i] = Holder{Name: k.Process, Agent: t.agent(k.Agent), Activation: k.Activation}
	}
	if e.Trace != (report.TraceContext{}) {
		w.TraceID, w.SpanID = hex.EncodeToString(e.Trace.TraceID[:]), hex.EncodeToString(e.Trace.SpanID[:])
	}
	return w
}

func (t *teller) agent(a report.Agent) string {
	name, ok := t.agents[a]
	if !ok {
		name = a.String()
		t.agents[a] = name
	}
	return name
}
