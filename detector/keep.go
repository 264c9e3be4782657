package detector

import "slices"

// keep returns what is left in c of a proven part of it, by what was proven: its
// edges are those alone that lead no further than they did.
func (c core) keep(proven core) core {
	known := make(map[*node]*coreMember, len(proven))
	for i := range proven {
		known[proven[i].node] = &proven[i]
	}
	open, narrower := make(map[*node]struct{}), make(narrower)
	kept := slices.Clone(c)
	for i := range kept {
		m := &kept[i]
		before := known[m.node]
		if before == nil || before.epoch != m.epoch {
			open[m.node] = struct{}{}
			continue
		}
		m.waits = slices.Clone(m.waits)
		for j := range m.waits {
			w := &m.waits[j]
			w.inside = w.inside && slices.ContainsFunc(before.waits, func(o coreWait) bool { return w.follows(&o, narrower) })
		}
	}
	return kept.without(open)
}

// follows reports whether nobody can grant w who could not when it was o: its holders
// are among those of then, or one that consumed its queue has taken the request since.
// A request that lies in a queue again need not be the one that was held; and whether
// one of several consumers took it before he was gone must be asked.
func (w *coreWait) follows(o *coreWait, narrower narrower) bool {
	switch {
	case w.Resource != o.Resource, !o.inside:
		return false
	case w.queue != nil:
		return w.queue == o.queue && len(w.on.doubts) == 0 && w.holders.equal(o.holders)
	default:
		return narrower.than(w.holders, o.holders)
	}
}

// narrower remembers which grantors are among which others.
type narrower map[[2]*grantors]bool

func (n narrower) than(g, o *grantors) bool {
	if g == o {
		return true
	}
	pair := [2]*grantors{g, o}
	among, known := n[pair]
	if !known {
		among = g.among(o)
		n[pair] = among
	}
	return among
}
