package explain

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
)

// Bounds on what an explanation lists of one verdict. The counts beside the
// lists have no bounds.
const (
	maxSentences = 100
	maxCore      = 1000
	maxHolders   = 100
	maxNamed     = 10 // names in one sentence
)

// Verdict is one verdict at one step of its life, explained.
type Verdict struct {
	ID           string          `json:"id"`
	Kind         detector.Kind   `json:"kind"`             // self, cycle, knot
	Status       detector.Status `json:"status"`           // suspected, confirmed, resolved, retracted
	Reason       string          `json:"reason,omitempty"` // why not confirmed yet, or why retracted
	Cause        string          `json:"cause,omitempty"`  // how it ended: timeout, cancelled, crashed, holder_joined, ...
	InBand       bool            `json:"in_band"`          // seen in the call chain of one request
	Contradicted bool            `json:"contradicted"`     // a member of it went on as if it had not been deadlocked

	Summary   string    `json:"summary"`   // one line
	Sentences []string  `json:"sentences"` // one for each edge of the core, at most 100
	At        time.Time `json:"at"`        // when the ages and times left were counted

	Since        time.Time `json:"since,omitzero"` // the youngest wait of the core began, by its agent's clock
	Suspected    time.Time `json:"suspected_at,omitzero"`
	Confirmed    time.Time `json:"confirmed_at,omitzero"`
	Ended        time.Time `json:"ended_at,omitzero"`
	Deadline     time.Time `json:"deadline,omitzero"`      // the first of the core to give up
	FirstTimeout time.Time `json:"first_timeout,omitzero"` // the first of core and collateral

	Core            []Process `json:"core"` // in the order of the waits, at most 1000
	CoreCount       int       `json:"core_count"`
	EdgeCount       int       `json:"edge_count"` // of the core
	Collateral      []Process `json:"collateral"` // blocked behind the core, at most 100
	CollateralCount int       `json:"collateral_count"`
}

// Proven is a verdict with all that is needed to check it.
type Proven struct {
	Verdict
	Proof    *proof.Proof `json:"proof,omitempty"`    // the members of Core and those that have left it since
	Unproven string       `json:"unproven,omitempty"` // why there is no proof
}

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
	Holders     []Holder  `json:"holders"`            // any of them can grant it; at most 100
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

// Of explains a verdict at an instant.
func Of(v detector.Verdict, at time.Time) Verdict {
	return Verdict{
		ID: v.ID, Kind: v.Kind, Status: v.Status, Reason: Printable(v.Reason), Cause: v.Cause,
		InBand: v.InBand, Contradicted: v.Contradicted,
		Summary: summary(&v, at), Sentences: sentences(v.Core, at), At: at.UTC(),
		Since: v.Since.UTC(), Suspected: v.Suspected.UTC(), Confirmed: v.Confirmed.UTC(), Ended: v.Ended.UTC(),
		Deadline: v.Deadline.UTC(), FirstTimeout: v.FirstTimeout.UTC(),
		Core: processes(v.Core[:min(len(v.Core), maxCore)]), CoreCount: len(v.Core), EdgeCount: edges(v.Core),
		Collateral: processes(v.Collateral), CollateralCount: v.CollateralCount,
	}
}

// OfProven explains a verdict at an instant, with its proof.
func OfProven(v detector.Verdict, at time.Time) Proven {
	p := Proven{Verdict: Of(v, at), Proof: v.Proof}
	if p.Proof == nil {
		p.Unproven = "it has not been confirmed"
	}
	return p
}

// String returns the explanation as lines for a terminal: the summary and,
// indented below it, the sentences and who waits behind the core. Of a verdict
// that has ended it tells who was concerned.
func (v Verdict) String() string {
	var b strings.Builder
	b.WriteString(v.Summary)
	if v.Status.Ended() {
		b.WriteString("\n  Core: " + list(names(v.Core), v.CoreCount) + ".")
		return b.String()
	}
	for _, s := range v.Sentences {
		b.WriteString("\n  " + s)
	}
	if more := v.EdgeCount - len(v.Sentences); more > 0 {
		b.WriteString("\n  " + and(more) + " such waits.")
	}
	if v.CollateralCount > 0 {
		b.WriteString("\n  Behind it: " + list(names(v.Collateral), v.CollateralCount) + ".")
	}
	return b.String()
}

func names(processes []Process) []string {
	all := make([]string, len(processes))
	for i := range processes {
		all[i] = processes[i].Name
	}
	return all
}

// edges returns how many edges a core has.
func edges(core []detector.Member) (n int) {
	for i := range core {
		n += len(core[i].Waits)
	}
	return n
}

func processes(members []detector.Member) []Process {
	all := make([]Process, len(members))
	for i := range members {
		all[i] = process(&members[i])
	}
	return all
}

func process(m *detector.Member) Process {
	p := Process{
		Name: m.Key.Process, Agent: m.Key.Agent.String(), Activation: m.Key.Activation,
		Service: m.Service, Host: m.Host, Epoch: m.Epoch, Need: m.Need,
	}
	for i := range m.Waits {
		p.Waits = append(p.Waits, wait(&m.Waits[i]))
	}
	return p
}

func wait(e *detector.Edge) Wait {
	w := Wait{
		Resource: string(e.Resource), Kind: e.Kind.String(), Since: e.Since.UTC(), Deadline: e.Deadline.UTC(),
		Exchange: e.Destination.Exchange, Key: e.Destination.Key, Queue: e.Queue,
		Holders: make([]Holder, min(len(e.Holders), maxHolders)), HolderCount: len(e.Holders),
	}
	for i, k := range e.Holders[:len(w.Holders)] {
		w.Holders[i] = Holder{Name: k.Process, Agent: k.Agent.String(), Activation: k.Activation}
	}
	if e.Trace != (report.TraceContext{}) {
		w.TraceID, w.SpanID = hex.EncodeToString(e.Trace.TraceID[:]), hex.EncodeToString(e.Trace.SpanID[:])
	}
	return w
}
