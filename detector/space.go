package detector

import "github.com/waitgraph/waitgraph/detector/report"

// Space in a queue of the broker is granted silently: it is there when a consumer has
// taken a message, and the waiter learns of it at its next try. So that it waits is
// no evidence that there is none; that it was refused is, at that moment. The agent
// counts refusals. Two more than in an answer of an earlier round about the same core
// mean that the waiter was refused after that answer, and so while all members were
// blocked: a round that begins then is about a moment without space. One more does
// not: that try may have been under way.

// space is a wait of a member for space in a queue.
type space struct {
	by *node
	on report.Resource
}

// refusals are how often the members of one core had been refused space when they
// were first asked about it.
type refusals struct {
	of    core
	first map[space]int
}

// spaces calls do with each wait of the core for space in a queue of the broker.
func (c core) spaces(do func(m *coreMember, q *queue, s space)) {
	for i := range c {
		for _, w := range c[i].waits {
			if w.inside && w.isSpace() {
				do(&c[i], w.queue, space{c[i].node, w.Resource})
			}
		}
	}
}

// isSpace reports whether the wait is for space in a queue of the broker.
func (w *coreWait) isSpace() bool { return w.queue != nil && w.Kind == report.Buffer }

// noteRefusals keeps what the answers of a complete round say, unless an earlier one
// has said it. Nothing holds that was said before the broker counted a stranger: it may
// have made space and be gone.
func (v *verdict) noteRefusals(r *round, figures map[*queue]figures) {
	if v.refusals.first != nil && !v.refusals.of.sameEdges(r.core) {
		v.refusals = refusals{}
	}
	r.core.spaces(func(m *coreMember, q *queue, s space) {
		if v.refusals.first == nil {
			v.refusals = refusals{r.core, make(map[space]int)}
		}
		if figures[q].objection(q.name, r.counts[q.name]) != "" {
			delete(v.refusals.first, s)
			return
		}
		answer := r.answers[m.node.key]
		if _, known := v.refusals.first[s]; !known && answer.Epoch == m.epoch {
			if n, waits := refused(answer.Waits, s.on); waits {
				v.refusals.first[s] = n
			}
		}
	})
}

// refusedSince returns the spaces of the core for which a try was made and refused
// since its members were first asked, with how often they had been refused by then.
func (v *verdict) refusedSince() map[space]int {
	if v.refusals.first == nil || !v.refusals.of.sameEdges(v.core) {
		return nil
	}
	since := make(map[space]int)
	v.core.spaces(func(m *coreMember, _ *queue, s space) {
		first, known := v.refusals.first[s]
		if n, _ := refused(m.node.waits, s.on); known && n >= first+2 {
			since[s] = first
		}
	})
	return since
}

// refusedAnew has a verdict asked about soon if a member that waits for space was
// refused since it was last heard.
func (d *Detector) refusedAnew(n *node, waits []report.Wait) {
	if n.verdict == nil {
		return
	}
	for i := range waits {
		if before, waited := refused(n.waits, waits[i].Resource); waited && waits[i].Refusals > before {
			n.verdict.askAt = d.now
		}
	}
}

func refused(waits []report.Wait, on report.Resource) (times int, waitsFor bool) {
	for i := range waits {
		if waits[i].Resource == on {
			return waits[i].Refusals, true
		}
	}
	return 0, false
}
