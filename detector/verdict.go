package detector

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
)

// Kind is the shape of a core.
type Kind string

// The kinds of core.
const (
	Self  Kind = "self"  // one process that waits for itself
	Cycle Kind = "cycle" // each member waits for exactly one other
	Knot  Kind = "knot"  // anything else: OR waits, several holders, several cycles
)

// Status is where a verdict is in its life:
//
//	suspected ──▶ confirmed ──▶ resolved
//	    │ └──────────────────────▲
//	    ▼
//	retracted
type Status string

// The statuses of a verdict.
const (
	Suspected Status = "suspected" // found in the graph, its members not yet heard
	Confirmed Status = "confirmed" // every member said after the asking that it is blocked
	Resolved  Status = "resolved"  // it ended; Verdict.Cause says how
	Retracted Status = "retracted" // an answer contradicted it before it was confirmed
)

// Ended reports whether the status is final.
func (s Status) Ended() bool { return s == Resolved || s == Retracted }

// The causes of a resolution, besides those of report.Cause by their names.
const (
	CauseHolderJoined = "holder_joined" // somebody outside the core can now grant
	CauseAgentLost    = "agent_lost"    // the lease of a member's agent ran out
	CauseReleased     = "released"      // a member lost what another waits for, and waits on itself
	CauseMerged       = "merged"        // it became part of an older verdict, or a confirmed one
	CauseUnknown      = "unknown"       // no report told
)

// Verdict is one core, at one step of its life. What it shares with others is
// never changed, and you must not change it.
type Verdict struct {
	// ID is made of the core's wait epochs as they were first seen, so that
	// any detector that sees the same core names it alike. It is kept while
	// the core grows or loses members.
	ID     string
	Kind   Kind
	Status Status
	// Reason says in words why a suspected verdict is not confirmed yet or
	// why one was retracted.
	Reason string
	// Cause says how a resolved verdict ended: a report.Cause by its name
	// or one of the causes above.
	Cause string

	// Since is when the youngest wait of the core began, by its agent's
	// clock; while that is not known of every member, it is Suspected.
	Since     time.Time
	Suspected time.Time // these three by the detector's clock, zero if not yet
	Confirmed time.Time
	Ended     time.Time
	// Deadline is the earliest at which a member of the core gives up;
	// FirstTimeout is the earliest among core and collateral. Zero if none.
	Deadline     time.Time
	FirstTimeout time.Time
	// InBand says that an agent saw the core in the call chain of one request.
	InBand bool
	// Contradicted says that a member of a confirmed core went on as if it
	// had not been deadlocked: the verdict or the instrumentation was wrong.
	Contradicted bool

	// Proof is what is needed to check the verdict once it has been confirmed,
	// nil before. It is about Core as it was then: members may have gone since.
	// It is shared, and must not be changed.
	Proof *proof.Proof

	Core []Member // in the order of the waits as far as there is one
	// Collateral are those blocked behind the core, not its cause: at most a
	// hundred of CollateralCount.
	Collateral      []Member
	CollateralCount int
}

// Member is one blocked process of a verdict.
type Member struct {
	Key     report.Key
	Service string
	Host    string
	Epoch   uint64
	Need    int // of Waits
	Waits   []Edge
}

// Edge is one resource that a member waits for, with those who can grant it.
type Edge struct {
	report.Wait
	// Queue is set when nobody is known to have taken the request, or when
	// there is no space: it waits for any consumer of this queue.
	Queue   string
	Holders []report.Key // sorted; shared, and must not be changed
}
