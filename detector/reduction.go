package detector

import (
	"maps"
	"slices"
)

// reduction lets the members of a core go that can be granted what they need, and
// those for whom they can grant something then, until nobody is left who can be: a
// graph reduction, as Holt has it. It takes each edge once.
type reduction struct {
	core
	open    map[*node]struct{} // who may go on
	granted []int              // of each member's waits
	waiting map[*grantors][]int
	grants  map[*node][]*grantors // of which a node is one
	todo    []*node               // open, and the others do not know
}

// without returns what cannot be granted of a core when those in open, and all
// outside, grant whatever they can. Who goes on for it is added to open.
func (c core) without(open map[*node]struct{}) core {
	r := reduction{
		core: c, open: open, granted: make([]int, len(c)),
		waiting: make(map[*grantors][]int), grants: make(map[*node][]*grantors),
		todo: slices.Collect(maps.Keys(open)),
	}
	for i := range c {
		r.add(i)
	}
	for len(r.todo) > 0 {
		n := r.todo[len(r.todo)-1]
		r.todo = r.todo[:len(r.todo)-1]
		r.grant(n)
	}
	return slices.DeleteFunc(slices.Clone(c), func(m coreMember) bool { _, ok := open[m.node]; return ok })
}

// add takes up the waits of a member.
func (r *reduction) add(i int) {
	for _, w := range r.core[i].waits {
		if !w.inside {
			r.granted[i]++
			continue
		}
		if r.waiting[w.holders] == nil {
			for _, h := range w.holders.nodes {
				r.grants[h] = append(r.grants[h], w.holders)
			}
		}
		r.waiting[w.holders] = append(r.waiting[w.holders], i)
	}
	r.release(i)
}

// grant lets an open node grant what it can.
func (r *reduction) grant(n *node) {
	for _, g := range r.grants[n] {
		for _, i := range r.waiting[g] {
			r.granted[i]++
			r.release(i)
		}
		delete(r.waiting, g)
	}
}

// release lets a member go that has what it needs.
func (r *reduction) release(i int) {
	n := r.core[i].node
	if _, ok := r.open[n]; !ok && r.granted[i] >= r.core[i].need {
		r.open[n] = struct{}{}
		r.todo = append(r.todo, n)
	}
}
