package ledger

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Process is one activation of a process. Its fields belong to the ledger; a
// nil Process is valid and observes nothing.
type Process struct {
	key       report.Key
	reentrant bool
	stopped   bool
	breach    bool

	epoch   uint64 // present or last
	waits   []report.Wait
	need    int
	since   time.Time     // when the epoch began
	dropped bool          // a hold was given up in this epoch
	left    []fingerprint // what was waited for in this epoch and is no more: at most maxLeft
	calm    bool          // no contention in this epoch: reports go without call chains

	holds  map[report.Resource]*hold
	queued int      // requests that wait behind the one being handled
	owned  int      // locks and permits
	shared int      // that others may be taken for the holder of
	nested int      // processes that served a request of this one's own chain
	queues []string // that it consumes

	// Numbering. The digest covers p while numbered != 0.
	seq      uint64
	stale    bool       // p is not as report seq told
	numbered uint64     // the epoch of report seq if that told of waits, else 0
	ended    report.End // of the last epoch that was numbered and is over
	exposed  bool       // report seq told of holds although p was active
	// Publication.
	published uint64  // the last seq that all detectors were sent
	public    uint64  // the epoch of that report if it told of waits, else 0
	shown     bool    // that report told of holds although p was active
	whole     bool    // more than fresh has changed since
	fresh     []*hold // taken since
	notable   bool    // worth a report even if p is active by then

	links [2]link // invariant: in a list if and only if its slot is linked
}

// Key returns the name by which the process is reported.
func (p *Process) Key() report.Key {
	if p == nil {
		return report.Key{}
	}
	return p.key
}

func (p *Process) blocked() bool { return len(p.waits) > 0 }

func (p *Process) waitsFor(r report.Resource) bool {
	for i := range p.waits {
		if p.waits[i].Resource == r {
			return true
		}
	}
	return false
}

// Epoch returns the present wait epoch; blocked is false between two.
func (p *Process) Epoch() (epoch uint64, blocked bool) {
	if p == nil {
		return 0, false
	}
	return p.epoch, p.blocked()
}
