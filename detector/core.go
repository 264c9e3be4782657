package detector

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/waitfor"
)

// core is a core as it stood in the graph at one instant: the evidence for a
// verdict.
type core []coreMember

// coreMember is one process of a core, blocked in one epoch.
type coreMember struct {
	node  *node
	epoch uint64
	need  int
	seq   uint64       // of the last report in an unbroken row; 0 if it is only hinted at
	told  []report.Key // who hinted at it, then
	waits []coreWait
}

// coreWait is one resource that a member waits for. Inside says that only
// members of the core can grant it: granting everything outside would leave it
// ungranted. Those waits are the edges of the core.
type coreWait struct {
	report.Wait
	inside  bool
	queue   *queue // where the request lies if nobody is known to have taken it, or where there is no space
	on      *resource
	holders *grantors // the queue's members if queue is set
}

// untaken reports whether something lies in a queue that nobody is known to have taken.
func (w *coreWait) untaken() bool { return w.queue != nil && !w.isSpace() }

func compareNodes(a, b *node) int {
	return cmp.Or(
		strings.Compare(a.key.Process, b.key.Process),
		strings.Compare(a.key.Agent.Name, b.key.Agent.Name),
		cmp.Compare(a.key.Agent.Incarnation, b.key.Agent.Incarnation),
		cmp.Compare(a.key.Activation, b.key.Activation),
	)
}

// cores returns the graph's cores, their members and themselves sorted.
func (d *Detector) cores() []core {
	var cores []core
	for _, vertices := range d.graph.Cores() {
		cores = append(cores, d.coreOf(vertices))
	}
	slices.SortFunc(cores, func(a, b core) int { return compareNodes(a[0].node, b[0].node) })
	return cores
}

func (d *Detector) coreOf(vertices []waitfor.Process) core {
	in := make(map[*node]struct{}, len(vertices))
	c := make(core, 0, len(vertices))
	for _, v := range vertices {
		n := d.vertices[v]
		in[n] = struct{}{}
		m := coreMember{node: n, epoch: n.shown.epoch, need: n.shown.need, told: n.told()}
		if !n.shown.hint {
			m.seq = n.seq
		}
		c = append(c, m)
	}
	slices.SortFunc(c, func(a, b coreMember) int { return compareNodes(a.node, b.node) })
	outside := func(n *node) bool { _, ok := in[n]; return !ok }
	enclosed := make(asked[bool])
	for i := range c {
		for _, t := range c[i].node.shown.waits {
			w := coreWait{Wait: t.wait, queue: t.on.untaken(), on: t.on, holders: t.on.grantors()}
			w.inside = enclosed.of(w.holders, func(g *grantors) bool { return len(g.nodes) > 0 && !slices.ContainsFunc(g.nodes, outside) })
			if w.queue != nil {
				w.inside = w.inside && len(w.queue.unknown) == 0
			} else {
				w.inside = w.inside && len(w.holders.nodes) >= w.Holders
			}
			c[i].waits = append(c[i].waits, w)
		}
	}
	return c
}

// sameMembers reports whether two cores consist of the same wait epochs.
func (c core) sameMembers(o core) bool {
	return slices.EqualFunc(c, o, func(a, b coreMember) bool { return a.node == b.node && a.epoch == b.epoch })
}

// sameEdges reports whether two cores have the same edges too.
func (c core) sameEdges(o core) bool {
	return c.equal(o, sameCoreWait)
}

// sameWaits reports whether the members wait for the same, whatever it leads to.
func (c core) sameWaits(o core) bool {
	return slices.EqualFunc(c, o, func(a, b coreMember) bool {
		return slices.EqualFunc(a.waits, b.waits, func(x, y coreWait) bool { return x.Resource == y.Resource })
	})
}

// equal reports whether two cores consist of the same wait epochs with waits that
// are the same in some respect, as far as they are of account.
func (c core) equal(o core, same func(a, b coreWait) bool) bool {
	return slices.EqualFunc(c, o, func(a, b coreMember) bool {
		return a.node == b.node && a.epoch == b.epoch && a.slack() == b.slack() && slices.EqualFunc(a.essential(), b.essential(), same)
	})
}

// slack returns how many of its waits the member can do without. In one epoch it
// stays 0 if it was.
func (m *coreMember) slack() int { return len(m.waits) - m.need }

// essential returns the waits that are of account. Of one that needs all, as when
// several goroutines wait for their own, that are the edges of the core: whatever else
// it waits for, and comes to wait for, it can only wait longer.
func (m *coreMember) essential() []coreWait {
	if m.slack() > 0 || !slices.ContainsFunc(m.waits, func(w coreWait) bool { return !w.inside }) {
		return m.waits
	}
	return m.inside()
}

func sameCoreWait(a, b coreWait) bool {
	return a.Resource == b.Resource && a.inside == b.inside && a.queue == b.queue && (!a.inside || a.holders.equal(b.holders))
}

// takenSince reports whether b is a after one process has taken the request.
func takenSince(a, b coreWait) bool {
	return a.Resource == b.Resource && a.inside && a.untaken() && b.queue == nil && len(b.holders.nodes) == 1
}

// id names a core for good.
func (c core) id() string {
	const prime, offset = 1099511628211, 14695981039346656037 // FNV-1a
	h := uint64(offset)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h *= prime // ends each string
	}
	for _, m := range c {
		add(m.node.key.String())
		for e := m.epoch; e > 0; e >>= 8 {
			h = (h ^ e&0xff) * prime
		}
	}
	const digits = "0123456789abcdefghijklmnopqrstuv"
	var name [12]byte
	for i := range name {
		name[i] = digits[h>>(64-5*(i+1))&31]
	}
	return string(name[:])
}

// kind tells the shape of a core.
func (c core) kind() Kind {
	if len(c) == 1 {
		return Self
	}
	for _, m := range c {
		if len(m.inside()) != 1 || len(m.inside()[0].holders.nodes) != 1 {
			return Knot
		}
	}
	return Cycle
}

// inside returns the edges of the core that begin at m.
func (m *coreMember) inside() []coreWait {
	var edges []coreWait
	for _, w := range m.waits {
		if w.inside {
			edges = append(edges, w)
		}
	}
	return edges
}

func (m *coreMember) waitsFor(r report.Resource) bool {
	return slices.ContainsFunc(m.waits, func(w coreWait) bool { return w.Resource == r })
}

// since returns when the youngest wait of a core began; zero if that is not
// known of every member.
func (c core) since() time.Time {
	var since time.Time
	for _, m := range c {
		for _, w := range m.waits {
			if w.Since.IsZero() {
				return time.Time{}
			}
			since = later(since, w.Since)
		}
	}
	return since
}

// earliest returns the earlier of at and the wait's deadline; zero is never.
func earliest(at time.Time, w report.Wait) time.Time {
	if at.IsZero() || (!w.Deadline.IsZero() && w.Deadline.Before(at)) {
		return w.Deadline
	}
	return at
}

// includes reports whether c has the wait epoch.
func (c core) includes(n *node, epoch uint64) bool {
	i, ok := slices.BinarySearchFunc(c, n, func(m coreMember, n *node) int { return compareNodes(m.node, n) })
	return ok && c[i].epoch == epoch
}

// within reports whether all of c's wait epochs are in o.
func (c core) within(o core) bool {
	for i := range c {
		n := 0
		for n < len(o) && o[n].node != c[i].node && compareNodes(o[n].node, c[i].node) < 0 {
			n++
		}
		if o = o[n:]; len(o) == 0 || o[0].epoch != c[i].epoch || compareNodes(o[0].node, c[i].node) != 0 {
			return false
		}
	}
	return true
}

// inBand reports whether an agent saw one of the core's edges close on itself.
func (c core) inBand() bool {
	closing := make(map[report.Resource][]*node)
	for _, m := range c {
		for name, h := range m.node.holds.all() {
			if h.Closes {
				closing[name] = append(closing[name], m.node)
			}
		}
	}
	for _, m := range c {
		for _, w := range m.waits {
			if w.inside && slices.ContainsFunc(closing[w.Resource], func(n *node) bool { return slices.Contains(w.holders.nodes, n) }) {
				return true
			}
		}
	}
	return false
}

// inOrder returns the members so that, as far as possible, each waits for the
// next, beginning with the one whose wait is the oldest.
func (c core) inOrder() []coreMember {
	at := make(map[*node]int, len(c))
	first := 0
	for i, m := range c {
		at[m.node] = i
		if m.oldest().Before(c[first].oldest()) {
			first = i
		}
	}
	ordered, passed := make([]coreMember, 0, len(c)), make(map[*grantors]int)
	for i, rest := first, 0; ; i = rest {
		for ok := true; ok; {
			ordered = append(ordered, c[i])
			delete(at, c[i].node)
			i, ok = c[i].next(at, passed)
		}
		for ; ; rest++ {
			if rest == len(c) {
				return ordered
			}
			if _, left := at[c[rest].node]; left {
				break
			}
		}
	}
}

// oldest returns when the member's first wait began.
func (m *coreMember) oldest() time.Time {
	var at time.Time
	for _, w := range m.waits {
		if at.IsZero() || w.Since.Before(at) {
			at = w.Since
		}
	}
	return at
}

// next returns the place of a holder that m waits for and that is left. Those that
// are not have been passed for good.
func (m *coreMember) next(left map[*node]int, passed map[*grantors]int) (i int, ok bool) {
	for _, w := range m.waits {
		for _, h := range w.holders.nodes[passed[w.holders]:] {
			if i, ok = left[h]; ok {
				return i, true
			}
			passed[w.holders]++
		}
	}
	return 0, false
}
