package detector

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waitgraph/waitgraph/detector/report"
)

// randomCore draws processes that wait for one another, and some for what has been
// granted. Who waits for the same queue shares those who can grant.
func randomCore(t *rapid.T) core {
	c := make(core, rapid.IntRange(1, 8).Draw(t, "size"))
	for i := range c {
		c[i] = coreMember{node: &node{key: report.Key{Process: fmt.Sprint(i)}}, epoch: rapid.Uint64Range(1, 2).Draw(t, "epoch")}
	}
	var shared []*grantors
	for range rapid.IntRange(1, 5).Draw(t, "grantors") {
		g := &grantors{}
		for i := range c {
			if rapid.Bool().Draw(t, "can grant") {
				g.nodes = append(g.nodes, c[i].node)
			}
		}
		shared = append(shared, g)
	}
	for i := range c {
		for range rapid.IntRange(1, 3).Draw(t, "waits") {
			w := coreWait{holders: rapid.SampledFrom(shared).Draw(t, "for"), inside: rapid.Bool().Draw(t, "inside")}
			c[i].waits = append(c[i].waits, w)
		}
		c[i].need = rapid.IntRange(1, len(c[i].waits)).Draw(t, "need")
	}
	return c
}

// What is left of a core is what is left when it is gone over again and again.
func TestWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, open := randomCore(t), make(map[*node]struct{})
		for i := range c {
			if rapid.Bool().Draw(t, "open") {
				open[c[i].node] = struct{}{}
			}
		}
		free := maps.Clone(open)
		for range c {
			for i := range c {
				granted := 0
				for _, w := range c[i].waits {
					if !w.inside || slices.ContainsFunc(w.holders.nodes, func(h *node) bool { _, ok := free[h]; return ok }) {
						granted++
					}
				}
				if granted >= c[i].need {
					free[c[i].node] = struct{}{}
				}
			}
		}
		var want []*node
		for i := range c {
			if _, ok := free[c[i].node]; !ok {
				want = append(want, c[i].node)
			}
		}
		if got := nodesOf(c.without(open)); !slices.Equal(got, want) {
			t.Fatalf("left %v, want %v", got, want)
		}
	})
}

// In order means: after each its first holder that is left, and whoever is first
// where there is none.
func TestInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := randomCore(t)
		left := nodesOf(c)
		at := c[0].node
		for n, m := range c.inOrder() {
			if m.node != at {
				t.Fatalf("at %d is %s, not %s", n, m.node.key.Process, at.key.Process)
			}
			left = slices.DeleteFunc(left, func(n *node) bool { return n == at })
			if len(left) == 0 {
				return
			}
			at = left[0]
			for _, w := range slices.Backward(m.waits) {
				if i := slices.IndexFunc(w.holders.nodes, func(h *node) bool { return slices.Contains(left, h) }); i >= 0 {
					at = w.holders.nodes[i]
				}
			}
		}
		t.Fatalf("%d are left out", len(left))
	})
}

func TestWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := randomCore(t)
		some := func(name string) (c core) {
			for _, m := range all {
				if rapid.Bool().Draw(t, name) {
					m.epoch = rapid.Uint64Range(1, 2).Draw(t, "epoch")
					c = append(c, m)
				}
			}
			return c
		}
		a, b := some("a"), some("b")
		want := !slices.ContainsFunc(a, func(m coreMember) bool { return !b.includes(m.node, m.epoch) })
		if a.within(b) != want {
			t.Fatalf("%v within %v: %v", nodesOf(a), nodesOf(b), !want)
		}
	})
}

func nodesOf(c core) []*node {
	var all []*node
	for _, m := range c {
		all = append(all, m.node)
	}
	return all
}
