package detector

import (
	"slices"

	"github.com/waitgraph/waitgraph/detector/report"
)

// grantors are the processes that can grant something, as they were at one time:
// they do not change. Whoever waits for the same queue shares them, or a pool of
// ten thousand workers that all wait for it would be listed ten thousand times.
type grantors struct {
	nodes []*node      // sorted
	keys  []report.Key // of nodes
}

// equal reports whether the processes are the same.
func (g *grantors) equal(o *grantors) bool { return g == o || slices.Equal(g.nodes, o.nodes) }

// among reports whether all of the processes are among others.
func (g *grantors) among(o *grantors) bool {
	others := make(map[*node]struct{}, len(o.nodes))
	for _, n := range o.nodes {
		others[n] = struct{}{}
	}
	return !slices.ContainsFunc(g.nodes, func(n *node) bool { _, ok := others[n]; return !ok })
}

// crowd is a set of processes that can be listed.
type crowd struct {
	set[*node]
	list *grantors // of all; nil if they are to be listed
}

func (c *crowd) put(n *node) {
	c.set.put(n, struct{}{})
	c.list = nil
}

func (c *crowd) remove(n *node) {
	c.set.remove(n)
	c.list = nil
}

// grantors lists them. The list of many is kept until they change.
func (c *crowd) grantors() *grantors {
	if c.list != nil {
		return c.list
	}
	g := &grantors{nodes: slices.AppendSeq(make([]*node, 0, c.len()), c.keys()), keys: make([]report.Key, 0, c.len())}
	slices.SortFunc(g.nodes, compareNodes)
	for _, n := range g.nodes {
		g.keys = append(g.keys, n.key)
	}
	if len(g.nodes) > maxFew {
		c.list = g
	}
	return g
}

// grantors returns those who can grant r.
func (r *resource) grantors() *grantors {
	if q := r.untaken(); q != nil {
		return q.members.grantors()
	}
	return r.holders.grantors()
}

// asked remembers for each grantors what was found out about them.
type asked[T any] map[*grantors]T

// of returns what was found out, by ask if nobody has.
func (a asked[T]) of(g *grantors, ask func(g *grantors) T) T {
	found, ok := a[g]
	if !ok {
		found = ask(g)
		a[g] = found
	}
	return found
}
