package detector

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
)

// verdict is one standing verdict.
type verdict struct {
	id        string
	status    Status
	reason    string
	suspected time.Time
	confirmed time.Time
	core      core // as it stands in the graph
	// proven is what the last confirmation was about: empty while suspected.
	// It may lag behind core while core grows.
	proven    core
	proof     *proof.Proof // of the last confirmation
	inBand    bool         // an agent saw it in one call chain, at one time
	announced time.Time
	last      Verdict // as announced

	round    *round                  // the questions under way
	refusals refusals                // of space in queues, for which members wait
	failed   map[report.Agent]*agent // who could not be asked in the round before
	asks     int                     // times that questions were put about the present core
	askAt    time.Time               // when to put them again
}

// judge brings the verdicts in line with the graph.
func (d *Detector) judge() {
	d.settle()
	if v := d.graph.CoresVersion(); v != d.version || d.recheck {
		d.version, d.recheck = v, false
		d.match(d.cores())
	}
	for _, r := range d.ready {
		d.conclude(r)
	}
	d.ready = d.ready[:0]
}

// match finds for each core the verdict that is about it. A core that shares a
// wait epoch with a standing verdict, with what is proven of it if it is confirmed,
// continues it; one that continues several goes on as a confirmed one, of several
// as the oldest, and the others are merged into it. Of the parts of a core that fell
// apart the first keeps the verdict.
func (d *Detector) match(cores []core) {
	continued := make(map[*verdict]struct{})
	for _, c := range cores {
		v := d.foremost(c, continued)
		if v == nil {
			v = d.suspect(c)
			continued[v] = struct{}{}
			continue
		}
		continued[v] = struct{}{}
		for _, m := range c {
			if o := m.node.verdict; o != nil && o != v && d.verdicts[o.id] == o && o.evidence().includes(m.node, m.epoch) {
				if _, taken := continued[o]; !taken {
					d.finish(o, Resolved, CauseMerged, "became part of "+v.id)
				}
			}
		}
		continued[d.follow(v, c)] = struct{}{}
	}
	for _, v := range d.standing() {
		if _, ok := continued[v]; !ok {
			d.dissolve(v)
		}
	}
}

// foremost returns the verdict that c goes on as, of those that it continues and no
// other core has.
func (d *Detector) foremost(c core, continued map[*verdict]struct{}) *verdict {
	var found *verdict
	for _, m := range c {
		v := m.node.verdict
		if v == nil || !v.evidence().includes(m.node, m.epoch) {
			continue
		}
		if _, taken := continued[v]; !taken && (found == nil || v.before(found)) {
			found = v
		}
	}
	return found
}

// before reports whether a core that continues both goes on as v.
func (v *verdict) before(o *verdict) bool {
	if v.status != o.status {
		return v.status == Confirmed
	}
	return compareVerdicts(v, o) < 0
}

func compareVerdicts(a, b *verdict) int {
	return cmp.Or(a.suspected.Compare(b.suspected), cmp.Compare(a.id, b.id))
}

// standing returns the standing verdicts, oldest first.
func (d *Detector) standing() []*verdict {
	all := make([]*verdict, 0, len(d.verdicts))
	for _, v := range d.verdicts {
		all = append(all, v)
	}
	slices.SortFunc(all, compareVerdicts)
	return all
}

// suspect opens a verdict and asks its members at once.
func (d *Detector) suspect(c core) *verdict {
	v := &verdict{id: c.id(), status: Suspected, suspected: d.now}
	for d.verdicts[v.id] != nil {
		v.id += "x" // a part that fell off a core that had grown from it
	}
	d.verdicts[v.id] = v
	d.setCore(v, c)
	d.announce(v, false)
	d.ask(v)
	return v
}

func (d *Detector) setCore(v *verdict, c core) {
	v.disown()
	v.core, v.inBand = c, v.inBand || c.inBand()
	for _, m := range c {
		m.node.verdict = v
	}
}

// disown makes the members of the core know of the verdict no more.
func (v *verdict) disown() {
	for _, m := range v.core {
		if m.node.verdict == v {
			m.node.verdict = nil
		}
	}
}

// follow takes note of how a verdict's core has changed, and returns the
// verdict that is about it now. What is left of the proven part needs no new
// proof; what has grown is asked about, and the proven part stands meanwhile.
func (d *Detector) follow(v *verdict, c core) *verdict {
	same, moved := v.core.sameMembers(c), !v.core.sameEdges(c)
	if v.status == Confirmed && (moved || !v.core.sameWaits(c)) {
		kept := c.keep(v.proven)
		if len(kept) == 0 {
			d.dissolve(v)
			return d.suspect(c)
		}
		if !kept.sameMembers(v.proven) {
			defer d.announce(v, false)
		}
		v.proven = kept
	}
	d.setCore(v, c)
	switch {
	case c.within(v.proven):
		d.drop(v) // what it is about is gone
	case same && !moved:
	case v.round == nil:
		v.asks = 0
		d.ask(v)
	default:
		// The round is about another core and asks anew when it is complete. A
		// core that forms report by report is not asked about at each of them.
		v.asks, v.askAt = 0, earlier(v.askAt, d.now.Add(d.cfg.AskAgain))
	}
	return v
}

// dissolve ends a verdict whose core is no longer in the graph.
func (d *Detector) dissolve(v *verdict) {
	cause, reason := v.evidence().ending()
	denied := v.round.denial()
	switch {
	case v.status == Suspected && denied != "":
		d.finish(v, Retracted, "", denied)
	case v.status == Confirmed && cause == report.Granted.String():
		d.park(v)
	case v.status == Confirmed, endsDeadlocks(cause):
		d.finish(v, Resolved, cause, "")
	default:
		d.finish(v, Retracted, "", reason)
	}
}

// endsDeadlocks reports whether a true deadlock can end like this.
func endsDeadlocks(cause string) bool {
	switch cause {
	case report.TimedOut.String(), report.Cancelled.String(), report.Crashed.String(), CauseAgentLost:
		return true
	}
	return false
}

// ending works out how a core that is gone came to an end. Of several reasons
// it names the one that can have caused the others.
func (c core) ending() (cause, reason string) {
	rank := 0
	note := func(r int, what, words string) {
		if r > rank {
			rank, cause, reason = r, what, words
		}
	}
	for _, m := range c {
		n, ended := m.node, unknownCause
		if n.ended.Epoch == m.epoch {
			ended = n.ended.Cause
		}
		switch {
		case m.stands():
			continue
		case m.granted():
			note(2, report.Granted.String(), fmt.Sprintf("%s was granted some of what it waited for", n.key.Process))
		case n.epoch < m.epoch:
			note(1, CauseUnknown, fmt.Sprintf("the call chain that spoke of %s is gone", n.key.Process))
		case !m.over():
			note(2, report.Granted.String(), fmt.Sprintf("a call chain speaks of a later wait of %s", n.key.Process))
		case ended == report.Granted:
			note(2, ended.String(), fmt.Sprintf("%s was granted what it waited for", n.key.Process))
		case n.agent.lost && ended == unknownCause:
			note(5, CauseAgentLost, fmt.Sprintf("the agent of %s fell silent", n.key.Process))
		case ended == unknownCause:
			note(3, CauseUnknown, fmt.Sprintf("%s is not blocked on it any more", n.key.Process))
		default:
			note(6+int(ended), ended.String(), fmt.Sprintf("the wait of %s ended by %v", n.key.Process, ended))
		}
	}
	switch {
	case rank == 0:
		return c.freed()
	case cause == report.Granted.String() && c.joined():
		return CauseHolderJoined, "somebody joined who can grant what it waits for"
	}
	return cause, reason
}

// stands reports whether the member still waits as far as anybody has said.
func (m *coreMember) stands() bool {
	return m.node.blocked && m.node.shown.epoch == m.epoch && !m.granted()
}

// over reports whether its agent has said that the member's wait is over, or is lost.
func (m *coreMember) over() bool { return !m.node.blocked || m.node.epoch != m.epoch || m.granted() }

// granted reports whether its agent has said that the member waits for less in the
// same epoch: a wait that ends otherwise begins another one.
func (m *coreMember) granted() bool {
	return m.node.blocked && m.node.epoch == m.epoch && slices.ContainsFunc(m.waits, func(w coreWait) bool {
		return w.inside && !awaits(m.node.waits, w.Resource)
	})
}

// joined reports whether a queue that members wait for has got a consumer that
// it did not have.
func (c core) joined() bool {
	narrower := make(narrower)
	for _, m := range c {
		for _, w := range m.inside() {
			if w.queue != nil && !narrower.than(w.queue.members.grantors(), w.holders) {
				return true
			}
		}
	}
	return false
}

// freed words the end of a core all of whose members still wait: somebody
// outside can grant now, or a member no longer owes what it owed.
func (c core) freed() (cause, reason string) {
	if m, h := c.released(); m != nil {
		return CauseReleased, fmt.Sprintf("%s does not hold what %s waits for", h.key.Process, m.node.key.Process)
	}
	return CauseHolderJoined, "somebody outside it can grant what it waits for"
}

// released returns a member that waits for what another one, which stands, does not
// hold any more, and that one; nil if there is none.
func (c core) released() (*coreMember, *node) {
	standing := make(map[*node]struct{}, len(c))
	for i := range c {
		if c[i].stands() && !c[i].node.shown.hint {
			standing[c[i].node] = struct{}{}
		}
	}
	for i := range c {
		for _, w := range c[i].waits {
			if !w.inside || w.queue != nil {
				continue
			}
			for _, h := range w.holders.nodes {
				if _, stands := standing[h]; stands && !h.holds.has(w.Resource) {
					return &c[i], h
				}
			}
		}
	}
	return nil, nil
}

// remove takes a verdict off the standing ones.
func (d *Detector) remove(v *verdict) {
	d.drop(v)
	delete(d.verdicts, v.id)
	v.disown()
}

func (d *Detector) finish(v *verdict, s Status, cause, reason string) {
	d.remove(v)
	d.publishEnd(v, s, cause, reason, false)
}

func (d *Detector) publishEnd(v *verdict, s Status, cause, reason string, contradicted bool) {
	if s == Retracted {
		d.stats.Rejected++
	}
	if contradicted {
		d.stats.Contradicted++
	}
	public := v.public()
	public.FirstTimeout = v.last.FirstTimeout
	public.Collateral, public.CollateralCount = v.last.Collateral, v.last.CollateralCount
	public.Status, public.Cause, public.Reason = s, cause, reason
	public.Ended, public.Contradicted = d.now, contradicted
	d.emit(Announce{Verdict: public})
}

func (d *Detector) announce(v *verdict, again bool) {
	behind := d.behind(v.evidence())
	v.announced, v.last = d.now, v.publicBefore(behind)
	for _, m := range v.core {
		m.node.foreseen = foreseen{m.epoch, v.status}
	}
	for _, n := range behind {
		n.foreseen = foreseen{n.shown.epoch, v.status}
	}
	d.emit(Announce{Verdict: v.last, Again: again})
}

// pursue repeats, for what stands, the questions and the announcements.
func (d *Detector) pursue() {
	for _, v := range d.standing() {
		if !v.core.within(v.proven) && !d.now.Before(v.askAt) {
			d.askAgain(v)
		}
		if d.now.Sub(v.announced) >= d.cfg.Remind {
			d.announce(v, true)
		}
	}
	d.countSilent()
	d.checkHints()
}
