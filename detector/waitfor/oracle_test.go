package waitfor

import (
	"maps"
	"slices"
	"strings"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"
)

// oracle is the wait-for graph by name, and the definitions taken literally.
type oracle struct {
	waits   map[string]wait
	holders map[string]set // by resource
}

type wait struct {
	need int
	on   []string
}

type set map[string]bool

func setOf(names ...string) set {
	s := set{}
	for _, n := range names {
		s[n] = true
	}
	return s
}

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }
func (s set) String() string   { return "{" + strings.Join(s.sorted(), " ") + "}" }

func newOracle() *oracle { return &oracle{waits: map[string]wait{}, holders: map[string]set{}} }

func (o *oracle) hold(p, r string) {
	if o.holders[r] == nil {
		o.holders[r] = set{}
	}
	o.holders[r][p] = true
}

func (o *oracle) remove(p string) {
	delete(o.waits, p)
	for _, holders := range o.holders {
		delete(holders, p)
	}
}

// closed reports whether nobody outside s can grant r.
func (o *oracle) closed(r string, s set) bool {
	for p := range o.holders[r] {
		if !s[p] {
			return false
		}
	}
	return len(o.holders[r]) > 0
}

// granted counts the waits of p that are granted once everybody outside s
// grants all that it holds.
func (o *oracle) granted(p string, s set) (count int) {
	for _, r := range o.waits[p].on {
		if !o.closed(r, s) {
			count++
		}
	}
	return count
}

// irreducible reports whether nobody in s is freed by what is outside.
func (o *oracle) irreducible(s set) bool {
	for p := range s {
		if o.granted(p, s) >= o.waits[p].need {
			return false
		}
	}
	return true
}

// reduce removes from s, one at a time and in the given order as long as there
// is one, whoever can go on, and returns the rest.
func (o *oracle) reduce(s set, order []string) set {
	rest := maps.Clone(s)
	for again := true; again; {
		again = false
		for _, p := range order {
			if rest[p] && o.granted(p, rest) >= o.waits[p].need {
				delete(rest, p)
				again = true
			}
		}
	}
	return rest
}

// deadlocked is the full reduction of the graph.
func (o *oracle) deadlocked() set {
	blocked := setOf(slices.Collect(maps.Keys(o.waits))...)
	return o.reduce(blocked, blocked.sorted())
}

// edges are those from one member of s to another through a resource that
// nobody else can grant.
func (o *oracle) edges(s set) map[string]set {
	edges := map[string]set{}
	for p := range s {
		edges[p] = set{}
		for _, r := range o.waits[p].on {
			if o.closed(r, s) {
				maps.Copy(edges[p], o.holders[r])
			}
		}
	}
	return edges
}

// isCore reports whether s satisfies the definition of a core, but for being
// maximal.
func (o *oracle) isCore(s set) bool {
	if len(s) == 0 || !o.irreducible(s) {
		return false
	}
	edges := o.edges(s)
	for p := range s {
		reached := reach(edges, p)
		for q := range s {
			if !reached[q] {
				return false
			}
		}
	}
	return true
}

// reach is everything at the end of a path of one edge or more.
func reach(edges map[string]set, from string) set {
	reached := set{}
	for todo := []string{from}; len(todo) > 0; {
		for q := range edges[pop(&todo)] {
			if !reached[q] {
				reached[q] = true
				todo = append(todo, q)
			}
		}
	}
	return reached
}

// coresByDefinition tries every subset of the blocked processes.
func (o *oracle) coresByDefinition() []set {
	blocked := slices.Sorted(maps.Keys(o.waits))
	var cores []set
	for bits := range 1 << len(blocked) {
		s := set{}
		for i, p := range blocked {
			if bits>>i&1 == 1 {
				s[p] = true
			}
		}
		if o.isCore(s) {
			cores = append(cores, s)
		}
	}
	return slices.DeleteFunc(cores, func(s set) bool {
		return slices.ContainsFunc(cores, func(larger set) bool { return len(s) < len(larger) && subset(s, larger) })
	})
}

func subset(a, b set) bool {
	for p := range a {
		if !b[p] {
			return false
		}
	}
	return true
}

// coresByComponents does what the package does, with gonum's components and
// nothing incremental.
func (o *oracle) coresByComponents() (cores []set) {
	for todo := []set{o.deadlocked()}; len(todo) > 0; {
		for _, component := range o.components(pop(&todo)) {
			rest := o.reduce(component, component.sorted())
			switch {
			case len(rest) == 0:
			case o.isCore(rest):
				cores = append(cores, rest)
			default:
				todo = append(todo, rest)
			}
		}
	}
	return cores
}

func (o *oracle) components(s set) (components []set) {
	names := s.sorted()
	g := simple.NewDirectedGraph()
	for i := range names {
		g.AddNode(simple.Node(i))
	}
	for p, to := range o.edges(s) {
		for q := range to {
			if p != q { // simple.DirectedGraph has no self edges
				i, _ := slices.BinarySearch(names, p)
				j, _ := slices.BinarySearch(names, q)
				g.SetEdge(g.NewEdge(simple.Node(i), simple.Node(j)))
			}
		}
	}
	for _, scc := range topo.TarjanSCC(g) {
		component := set{}
		for _, n := range scc {
			component[names[n.ID()]] = true
		}
		components = append(components, component)
	}
	return components
}

// describe sorts cores the way that the traces print them.
func describe(cores []set) string {
	texts := make([]string, len(cores))
	for i, c := range cores {
		texts[i] = c.String()
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}
