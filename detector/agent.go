package detector

import (
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// agent is one incarnation of an agent.
type agent struct {
	id            report.Agent
	service, host string
	heard         time.Time // zero if it was only mentioned by others
	mentioned     time.Time
	lost          bool      // its lease ran out, or it is over
	over          bool      // it has ended, for all that is known: lost after it was heard, or a later incarnation was heard
	silent        bool      // its lease ran out, and it did not say why
	synced        bool      // its last digest matched
	agreed        time.Time // when a digest last matched
	pulled        time.Time
	beat          uint64        // the latest heartbeat; what an earlier one says is old
	digest        report.Digest // of its blocked nodes
	nodes         map[*node]struct{}
	members       map[report.Member]struct{}
	consumed      map[string]time.Time // queues that are or were in members, and when they last were
	asking        asking
	owed          map[*resource]struct{} // by its processes that are gone, as call chains said
	missed        []*resource            // for which its processes waited when it fell silent
	doubting      int                    // resources of whose doubts it is one
}

func (d *Detector) agent(id report.Agent) *agent {
	a := d.agents[id]
	if a == nil {
		a = &agent{
			id: id, mentioned: d.now,
			nodes: make(map[*node]struct{}), members: make(map[report.Member]struct{}), consumed: make(map[string]time.Time),
		}
		if newest := d.newest[id.Name]; newest != nil && newest.id.Incarnation > id.Incarnation {
			a.lost, a.over = true, true
		}
		d.agents[id] = a
		d.lives[id.Name] = append(d.lives[id.Name], a)
	}
	return a
}

// report takes one batch.
func (d *Detector) report(b *report.Batch) {
	a := d.agent(b.Agent)
	if !d.hear(a) {
		d.stats.Stale += uint64(len(b.States))
		return
	}
	a.service, a.host = b.Service, b.Host
	for i := range b.States {
		d.stats.Reports++
		if !d.accept(&b.States[i]) {
			d.stats.Stale++
		}
	}
	for _, n := range d.speakers {
		d.spread(n)
	}
	clear(d.speakers)
	d.speakers = d.speakers[:0]
	if b.Answer != nil {
		d.disown(a, b.Answer.Unknown)
		d.hearOf(a, b.Answer.Round, func(r *round) { r.answered(d.now, b) })
	}
	if h := b.Heartbeat; h != nil && h.Seq > a.beat {
		a.beat = h.Seq
		d.heartbeat(a, b)
	}
}

// hear renews an agent's lease. It reports false for an incarnation that is
// known to be over.
func (d *Detector) hear(a *agent) bool {
	switch newest := d.newest[a.id.Name]; {
	case newest == a:
	case newest != nil && newest.id.Incarnation > a.id.Incarnation:
		return false
	default:
		d.newest[a.id.Name] = a
		for _, old := range d.lives[a.id.Name] {
			if old.id.Incarnation < a.id.Incarnation && !old.over {
				d.end(old, report.Crashed)
			}
		}
	}
	back, was := a.lost, a.over
	a.heard, a.lost, a.over, a.silent = d.now, false, false, false
	if back {
		d.trust(a)
	}
	if was {
		d.refreshHinted(a)
	}
	return true
}

// heartbeat compares what is known of an agent with what it says it reported.
func (d *Detector) heartbeat(a *agent, b *report.Batch) {
	h := b.Heartbeat
	if h.Complete {
		d.forgetOmitted(a, h.Part, b.States)
	}
	d.setMembers(a, h.Members)
	if a.synced = a.digest == h.Digest; a.synced {
		a.agreed = d.now
		d.forgetMissed(a)
	}
	switch {
	case h.Leaving:
		d.end(a, report.Crashed)
	case !a.synced:
		d.stats.Gaps++
		if h.Part.Through > 0 {
			a.pulled = time.Time{} // there is more, at once
		}
		d.pull(a)
	}
}

// forgetOmitted ends the waits that a part of an agent's complete set does not have.
func (d *Detector) forgetOmitted(a *agent, part report.Part, complete []report.State) {
	listed := make(map[report.Key]struct{}, len(complete))
	for i := range complete {
		listed[complete[i].Key] = struct{}{}
	}
	for _, n := range d.blockedNodes(a) {
		if _, ok := listed[n.key]; !ok && part.Has(n.key) {
			d.release(n, unknownCause)
		}
	}
}

// pull asks an agent for everything, at most once in each Config.AskAgain.
func (d *Detector) pull(a *agent) {
	if !a.pulled.IsZero() && d.now.Sub(a.pulled) < d.cfg.AskAgain {
		return
	}
	a.pulled = d.now
	d.pose(a, report.Question{Everything: true})
}

func (d *Detector) blockedNodes(a *agent) []*node {
	var blocked []*node
	for n := range a.nodes {
		if n.blocked {
			blocked = append(blocked, n)
		}
	}
	slices.SortFunc(blocked, compareNodes)
	return blocked
}

// expireLeases ends the waits of the agents that fell silent. What they
// consumed becomes unknown: their processes may live on.
func (d *Detector) expireLeases() {
	var silent, unheard []*agent
	for _, a := range d.agents {
		silence := d.now.Sub(later(a.heard, a.mentioned))
		switch {
		case a.lost && len(a.nodes) == 0 && a.doubting == 0 && silence > graveTime:
			delete(d.agents, a.id)
			d.forgetMissed(a)
			d.forgetLife(a)
			if d.newest[a.id.Name] == a {
				delete(d.newest, a.id.Name)
			}
		case a.lost || silence < d.cfg.Lease:
		case a.heard.IsZero():
			unheard = append(unheard, a)
		default:
			silent = append(silent, a)
		}
	}
	slices.SortFunc(unheard, compareAgents)
	for _, a := range unheard {
		a.lost = true
		d.excuse(a)
	}
	slices.SortFunc(silent, compareAgents)
	for _, a := range silent {
		for _, m := range a.consumers(nil) {
			if q := d.queues[m.Queue]; q != nil {
				d.addUnknown(q, a)
			}
		}
		d.end(a, unknownCause)
		a.silent = true
	}
}

// end drops all that an incarnation of an agent has reported.
func (d *Detector) end(a *agent, cause report.Cause) {
	a.lost, a.over, a.synced = true, true, false
	d.doubt(a)
	if cause == unknownCause {
		d.miss(a)
	} else {
		d.forgetMissed(a)
	}
	for _, n := range d.blockedNodes(a) {
		d.release(n, cause)
	}
	d.refreshHinted(a)
	d.setMembers(a, nil)
	if cause != unknownCause {
		for _, q := range d.doubtful() {
			d.dropUnknown(q, a)
		}
	}
	d.excuse(a)
}

func (d *Detector) forgetLife(a *agent) {
	lives := slices.DeleteFunc(d.lives[a.id.Name], func(o *agent) bool { return o == a })
	if d.lives[a.id.Name] = lives; len(lives) == 0 {
		delete(d.lives, a.id.Name)
	}
}

// refreshHinted looks again at the processes of an agent of which call chains tell,
// after the agent was lost or has come back.
func (d *Detector) refreshHinted(a *agent) {
	var hinted []*node
	for n := range a.nodes {
		if len(n.hints) > 0 {
			hinted = append(hinted, n)
		}
	}
	slices.SortFunc(hinted, compareNodes)
	for _, n := range hinted {
		d.refresh(n)
	}
}

func compareAgents(a, b *agent) int { return strings.Compare(a.id.String(), b.id.String()) }

// recover notes when every agent that is known of has been heard out for the
// first time since the start.
func (d *Detector) recover() {
	if d.recovered || d.young() {
		return
	}
	for _, a := range d.agents {
		if !a.lost && !a.synced {
			return
		}
	}
	d.recovered = true
}

// young reports whether some agent that lives may not have had the time to make
// itself heard since the start.
func (d *Detector) young() bool { return d.now.Sub(d.start) < d.cfg.Lease/2 }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
