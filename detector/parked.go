package detector

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// parked is a confirmed verdict one of whose members was granted what it
// waited for, or has gone on somehow, as a call chain says. That happens once another member has given up, or somebody has
// joined; until that report is here, the verdict looks contradicted. The report
// may be lost, so that the agents of all members must have been heard out since.
type parked struct {
	v     *verdict
	left  core      // whose waits have not ended so far
	since time.Time // when no older message is on its way any more
}

func (d *Detector) park(v *verdict) {
	d.remove(v)
	d.parked = append(d.parked, parked{v, v.evidence(), d.now.Add(d.cfg.Lease / 2)})
}

// settle finishes the parked verdicts that are explained, or never will be. It
// comes at every step, since a node knows of its last end only.
func (d *Detector) settle() {
	keep := d.parked[:0]
	for _, p := range d.parked {
		var over core
		released, _ := p.v.evidence().released()
		p.left, over = p.left.split()
		cause, _ := over.ending()
		switch {
		case p.v.evidence().joined():
			d.publishEnd(p.v, Resolved, CauseHolderJoined, "", false)
		case released != nil:
			d.publishEnd(p.v, Resolved, CauseReleased, "", false)
		case len(over) > 0 && cause != report.Granted.String():
			d.publishEnd(p.v, Resolved, cause, "", false)
		case d.heardOut(&p):
			d.publishEnd(p.v, Resolved, report.Granted.String(), "", true)
		default:
			keep = append(keep, p)
		}
	}
	clear(d.parked[len(keep):])
	d.parked = keep
}

// split tells the members whose waits are over from the others.
func (c core) split() (left, over core) {
	for _, m := range c {
		if m.over() {
			over = append(over, m)
		} else {
			left = append(left, m)
		}
	}
	return left, over
}

// heardOut reports whether those have said since that no report of theirs is missing who
// could explain the end: the agents of the members and, where somebody may have joined
// the consumers of a queue, all others.
func (d *Detector) heardOut(p *parked) bool {
	silent := func(a *agent) bool { return !a.lost && !a.heard.IsZero() && !a.agreed.After(p.since) }
	if p.v.evidence().queued() {
		for _, a := range d.agents {
			if silent(a) {
				return false
			}
		}
		return true
	}
	return !slices.ContainsFunc(p.v.evidence(), func(m coreMember) bool { return silent(m.node.agent) })
}

// queued reports whether a member waits for the consumers of a queue.
func (c core) queued() bool {
	return slices.ContainsFunc(c, func(m coreMember) bool {
		return slices.ContainsFunc(m.inside(), func(w coreWait) bool { return w.queue != nil })
	})
}
