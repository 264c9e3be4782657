package explain

import (
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/proof"
)

// Bounds on what an explanation lists of one verdict. The counts beside the
// lists have no bounds.
const (
	maxSentences = 100
	maxCore      = 1000
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
