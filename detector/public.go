package detector

import (
	"iter"
	"slices"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/waitfor"
)

// maxCollateral is how many collateral processes a verdict lists.
const maxCollateral = 100

// publicBefore renders a standing verdict for the world, with those behind it.
func (v *verdict) publicBefore(behind []*node) Verdict {
	p := v.public()
	p.FirstTimeout = p.Deadline
	for _, n := range behind {
		for _, t := range n.shown.waits {
			p.FirstTimeout = earliest(p.FirstTimeout, t.wait)
		}
	}
	p.CollateralCount = len(behind)
	for _, n := range least(behind, maxCollateral) {
		p.Collateral = append(p.Collateral, n.public())
	}
	return p
}

// least returns the first few of many, sorted. It is quickest if they come in
// descending order, as names that are given in ascending order do in the graph.
func least(nodes []*node, few int) []*node {
	sorted := make([]*node, 0, few)
	for _, n := range slices.Backward(nodes) {
		if len(sorted) == few {
			if compareNodes(n, sorted[few-1]) > 0 {
				continue
			}
			sorted = sorted[:few-1]
		}
		i, _ := slices.BinarySearchFunc(sorted, n, compareNodes)
		sorted = slices.Insert(sorted, i, n)
	}
	return sorted
}

// evidence returns the core that the verdict is about as far as it is proven,
// or as it stands if nothing is.
func (v *verdict) evidence() core {
	if v.status == Confirmed {
		return v.proven
	}
	return v.core
}

// public renders what a verdict itself knows: all but who waits behind it.
func (v *verdict) public() Verdict {
	c := v.evidence()
	p := Verdict{
		ID: v.id, Kind: c.kind(), Status: v.status, Reason: v.reason,
		Since: c.since(), Suspected: v.suspected, Confirmed: v.confirmed, InBand: v.inBand,
		Proof: v.proof,
	}
	if p.Since.IsZero() {
		p.Since = v.suspected
	}
	for _, m := range c.inOrder() {
		member := m.public()
		for _, e := range member.Waits {
			p.Deadline = earliest(p.Deadline, e.Wait)
		}
		p.Core = append(p.Core, member)
	}
	return p
}

func (m *coreMember) public() Member {
	p := m.node.member(m.epoch, m.need)
	for _, w := range m.waits {
		p.Waits = append(p.Waits, edge(w.Wait, w.queue, w.holders))
	}
	return p
}

func (n *node) public() Member {
	p := n.member(n.shown.epoch, n.shown.need)
	for _, t := range n.shown.waits {
		p.Waits = append(p.Waits, edge(t.wait, t.on.untaken(), t.on.grantors()))
	}
	return p
}

func (n *node) member(epoch uint64, need int) Member {
	return Member{Key: n.key, Service: n.agent.service, Host: n.agent.host, Epoch: epoch, Need: need}
}

func edge(w report.Wait, q *queue, holders *grantors) Edge {
	e := Edge{Wait: w, Holders: holders.keys}
	if q != nil {
		e.Queue = q.name
	}
	return e
}

// behind returns the deadlocked processes that wait, through however many
// others, for a core: in no order, without those that are proven to be a core.
func (d *Detector) behind(c core) []*node {
	seen := make(map[*node]struct{})
	todo := make([]*node, 0, len(c))
	for _, m := range c {
		seen[m.node] = struct{}{}
		todo = append(todo, m.node)
	}
	var behind []*node
	passed := make(map[waitfor.Resource]struct{})
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for w := range d.heldUp(n, passed) {
			if _, ok := seen[w]; ok {
				continue
			}
			if d.graph.NumWaits(w.vertex) > 1 { // or it does not come again
				seen[w] = struct{}{}
			}
			todo = append(todo, w)
			if w.verdict == nil || !w.verdict.proven.includes(w, w.shown.epoch) {
				behind = append(behind, w)
			}
		}
	}
	return behind
}

// heldUp yields the deadlocked processes that wait for what n holds and nobody can
// grant. What others hold as well is passed once, whoever of them comes first.
func (d *Detector) heldUp(n *node, passed map[waitfor.Resource]struct{}) iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for r := range d.graph.Holds(n.vertex) {
			if _, ok := passed[r]; ok || d.graph.Grantable(r) {
				continue
			}
			if d.graph.NumHolders(r) > 1 {
				passed[r] = struct{}{}
			}
			for p := range d.graph.Waiters(r) {
				if d.graph.Deadlocked(p) && !yield(d.vertices[p]) {
					return
				}
			}
		}
	}
}

// Verdicts returns the standing verdicts, oldest first.
func (d *Detector) Verdicts() []Verdict {
	var all []Verdict
	for _, v := range d.standing() {
		all = append(all, v.publicBefore(d.behind(v.evidence())))
	}
	return all
}

// Snapshot returns the whole graph.
func (d *Detector) Snapshot() Snapshot {
	var nodes []*node
	for _, n := range d.nodes {
		if len(n.shown.waits) > 0 || d.awaited(n) {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, compareNodes)
	s := Snapshot{Processes: make([]Process, 0, len(nodes)), Pools: d.pools()}
	for _, n := range nodes {
		p := Process{Member: n.public(), Hint: n.shown.hint, Deadlocked: d.graph.Deadlocked(n.vertex)}
		if n.verdict != nil {
			p.Verdict = n.verdict.id
		}
		s.Processes = append(s.Processes, p)
	}
	return s
}

func (d *Detector) awaited(n *node) bool {
	for r := range d.graph.Holds(n.vertex) {
		for range d.graph.Waiters(r) {
			return true
		}
	}
	return false
}

// Stats returns the present figures.
func (d *Detector) Stats() Stats {
	s := d.stats
	for _, a := range d.agents {
		switch {
		case a.silent && d.newest[a.id.Name] == a:
			s.Silent++
		case !a.lost && !a.heard.IsZero():
			s.Agents++
		}
	}
	for q := range d.strained {
		if q.lastWorker {
			s.LastWorkers++
		}
	}
	s.Processes = d.graph.BlockedCount()
	s.Waits = d.graph.WaitCount()
	s.Deadlocked = d.graph.DeadlockedCount()
	s.Standing = len(d.verdicts)
	for _, v := range d.verdicts {
		if v.status == Confirmed {
			s.Confirmed++
		}
	}
	s.Flows = d.census.shown
	s.Recovering = !d.recovered
	return s
}
