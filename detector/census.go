package detector

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Flow is the waits of one service's processes for what another's can grant.
type Flow struct {
	Waiter, Holder string // services, or one of the names below
	Kind           report.Kind

	// Waits is how many there are, Deadlocked how many of them are of processes
	// in the deadlocked set, both as last counted.
	Waits, Deadlocked int
	// Waited and Stuck are these two over time, since the start, in seconds:
	// a time.Duration holds no more than 292 years, which a million waits take
	// in less than three hours.
	Waited, Stuck float64
}

// What stands in a Flow for no single service.
const (
	UnknownService  = "unknown" // nobody has said whose process it is
	SeveralServices = "several" // processes of several services can grant it
	OtherServices   = "other"   // there are too many flows to name them all
)

// maxFlows is how many flows are told apart. Those that come later are counted
// as of OtherServices.
const maxFlows = 200

// Bounds on a count of the waits: how often it begins, and how many waits and
// holders one Tick looks at, so that a large graph does not keep the detector
// from what happens.
const (
	countEvery = 250 * time.Millisecond
	countStep  = 8192
)

// nearTimeout is the part of its time that a wait has used up when it counts as
// near its timeout.
const nearTimeout = 0.75

// Foresight counts waits by what had been announced about their processes: the
// verdict to whose core they belong or behind which they are.
type Foresight struct {
	Confirmed, Suspected, None uint64
}

func (f *Foresight) count(s Status) {
	switch s {
	case Confirmed:
		f.Confirmed++
	case Suspected:
		f.Suspected++
	default:
		f.None++
	}
}

// foreseen is the status of the verdict that was last announced about a process
// in one wait epoch.
type foreseen struct {
	epoch  uint64
	status Status
}

// about returns the status that is known for an epoch, empty if there is none.
func (f foreseen) about(epoch uint64) Status {
	if f.epoch != epoch {
		return ""
	}
	return f.status
}

// route tells flows apart.
type route struct {
	waiter, holder string
	kind           report.Kind
}

// census counts the waits by services, a part of the graph at each Tick.
type census struct {
	round uint64 // of counting; the first is 1
	next  int    // vertex to look at; 0: no round is under way
	begun time.Time
	done  time.Time // when the last round was complete

	places map[route]int // in flows
	flows  []Flow        // with the sums of the round under way
	shown  []Flow        // as of the last round; never changed
}

// grantor is the service that can grant something, as one round has found it.
type grantor struct {
	round   uint64
	service string
}

func newCensus() census {
	c := census{places: make(map[route]int)}
	for k := report.Reply; k <= report.Item; k++ {
		c.place(route{OtherServices, OtherServices, k})
	}
	c.publish(0)
	return c
}

// place returns where a flow is counted.
func (c *census) place(r route) int {
	if i, ok := c.places[r]; ok {
		return i
	}
	if len(c.flows) == maxFlows {
		return c.places[route{OtherServices, OtherServices, r.kind}]
	}
	c.places[r] = len(c.flows)
	c.flows = append(c.flows, Flow{Waiter: r.waiter, Holder: r.holder, Kind: r.kind})
	return len(c.flows) - 1
}

// publish ends a round: what it counted has been so for a time.
func (c *census) publish(lasted time.Duration) {
	for i := range c.flows {
		f := &c.flows[i]
		f.Waited += float64(f.Waits) * lasted.Seconds()
		f.Stuck += float64(f.Deadlocked) * lasted.Seconds()
	}
	c.shown = append([]Flow(nil), c.flows...)
	for i := range c.flows {
		c.flows[i].Waits, c.flows[i].Deadlocked = 0, 0
	}
}

// countWaits goes on with the round under way, or begins one when it is time.
func (d *Detector) countWaits() {
	c := &d.census
	if c.next == 0 {
		if d.now.Sub(c.begun) < countEvery {
			return
		}
		c.begun = d.now
		c.round++
	}
	for left := countStep; c.next < len(d.vertices); c.next++ {
		if left <= 0 {
			return
		}
		left--
		if n := d.vertices[c.next]; n != nil && len(n.shown.waits) > 0 {
			left -= d.countNode(n)
		}
	}
	if c.done.IsZero() {
		c.done = d.start
	}
	c.publish(d.now.Sub(c.done))
	c.next, c.done = 0, d.now
}

// countNode counts a blocked process, and returns how much there was to look at.
func (d *Detector) countNode(n *node) (looks int) {
	deadlocked := d.graph.Deadlocked(n.vertex)
	for _, t := range n.shown.waits {
		holder, l := t.on.service(d.census.round)
		f := &d.census.flows[d.census.place(route{n.agent.serviceName(), holder, t.wait.Kind})]
		f.Waits++
		if deadlocked {
			f.Deadlocked++
		}
		looks += 1 + l
	}
	if n.near != n.shown.epoch && n.nearTimeout(d.now) {
		n.near = n.shown.epoch
		d.stats.Near.count(n.foreseen.about(n.near))
	}
	return looks
}

// nearTimeout reports whether one of a node's waits has used up most of its time.
func (n *node) nearTimeout(now time.Time) bool {
	for _, t := range n.shown.waits {
		w := &t.wait
		if w.Deadline.IsZero() || w.Since.IsZero() {
			continue
		}
		if now.Sub(w.Since).Seconds() >= nearTimeout*w.Deadline.Sub(w.Since).Seconds() {
			return true
		}
	}
	return false
}

func (a *agent) serviceName() string {
	if a.service == "" {
		return UnknownService
	}
	return a.service
}

// service returns whose processes can grant r, and how many were looked at to
// find out: none if this round has done so before.
func (r *resource) service(round uint64) (service string, looks int) {
	known, all := &r.grantor, &r.holders
	if q := r.untaken(); q != nil {
		known, all = &q.grantor, &q.members
	}
	if known.round == round {
		return known.service, 0
	}
	*known = grantor{round, UnknownService}
	first := true
	for n := range all.keys() {
		switch s := n.agent.serviceName(); {
		case first:
			known.service, first = s, false
		case s != known.service:
			known.service = SeveralServices
			return known.service, all.len()
		}
	}
	return known.service, all.len()
}
