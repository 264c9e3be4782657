package scenario

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// MaxGenerated is the largest size of a generated scenario.
const MaxGenerated = 200

// Generate makes up a scenario: groups of services in a ring, each group a tree
// of calls, and provocateurs, sessions that call against the order and so may
// close a circle. The larger the size, the more groups and sessions there are.
// What is expected is either: whatever is true.
func Generate(seed uint64, size int) *Scenario {
	size = max(1, min(size, MaxGenerated))
	g := &generator{rng: rand.New(rand.NewPCG(seed, uint64(size))), s: &Scenario{
		Name:   fmt.Sprintf("generated-%d-%d", seed, size),
		Proves: fmt.Sprintf("Made up by demo generate --seed %d --size %d.", seed, size),
		For:    10 * time.Second, Expect: Expectation{Outcome: Either},
	}}
	g.resources()
	for group := range 2 + g.rng.IntN(1+size) {
		g.tree(group)
	}
	for i := range 1 + g.rng.IntN(1+2*size) {
		g.session(fmt.Sprintf("client%d", i+1), g.forward)
	}
	for i := range g.rng.IntN(2 + size) {
		g.session(fmt.Sprintf("provocateur%d", i+1), g.anywhere)
	}
	return g.s
}

type generator struct {
	rng    *rand.Rand
	s      *Scenario
	groups [][]string // services by group; the first one is the root of its tree
}

func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

func (g *generator) resources() {
	for i := range g.rng.IntN(3) {
		g.s.Guards = append(g.s.Guards, Guard{Name: fmt.Sprintf("lock%d", i+1), Size: 1})
	}
	if g.chance(30) {
		g.s.Guards = append(g.s.Guards, Guard{Name: "permits", Size: 2 + g.rng.IntN(2), Permit: true})
	}
}

// tree adds a group: each service calls some of those below it.
func (g *generator) tree(group int) {
	var names []string
	for i := range 1 + g.rng.IntN(4) {
		names = append(names, fmt.Sprintf("g%d-%d", group+1, i+1))
	}
	g.groups = append(g.groups, names)
	for i, name := range names {
		s := Service{Name: name, Replicas: []string{name}, Workers: 1}
		if g.chance(35) {
			s.Workers = 2 + g.rng.IntN(2)
			s.Prefetch = 1
		} else if g.chance(20) {
			s.Buffer = 1 + g.rng.IntN(3)
		}
		s.Does = append(s.Does, g.wait(3*time.Millisecond))
		for below := 2*i + 1; below <= 2*i+2 && below < len(names); below++ {
			s.Does = append(s.Does, g.call(names[below]))
		}
		g.s.Services = append(g.s.Services, s)
	}
}

// session adds a process whose calls lead to where next says, nested in one
// another.
func (g *generator) session(name string, next func(at int) int) {
	at := g.rng.IntN(len(g.groups))
	step := g.nested(at, 1+g.rng.IntN(4), next)
	does := []Step{{Verb: Wait, For: Span{0, 30 * time.Millisecond}}, step}
	if len(g.s.Guards) > 0 && g.chance(30) {
		guard := g.s.Guards[g.rng.IntN(len(g.s.Guards))]
		verb := Lock
		if guard.Permit {
			verb = Permit
		}
		does = []Step{does[0], {Verb: verb, Guard: guard.Name, Do: []Step{g.wait(5 * time.Millisecond), step}}}
	}
	g.s.Sessions = append(g.s.Sessions, Session{Name: name, Does: does})
}

// nested makes a call that makes the one called call further groups.
func (g *generator) nested(at, depth int, next func(at int) int) Step {
	s := g.call(g.service(at))
	for range depth - 1 {
		at = next(at)
		outer := g.call(g.service(at))
		outer.To[0].Do, outer.To[0].Own = []Step{g.wait(10 * time.Millisecond), s}, true
		s = outer
	}
	return s
}

// forward goes on to the next group of the ring.
func (g *generator) forward(at int) int { return (at + len(g.groups) - 1) % len(g.groups) }

func (g *generator) anywhere(int) int { return g.rng.IntN(len(g.groups)) }

func (g *generator) service(group int) string {
	names := g.groups[group]
	return names[g.rng.IntN(len(names))]
}

func (g *generator) wait(up time.Duration) Step { return Step{Verb: Wait, For: Span{0, up}} }

func (g *generator) call(to string) Step {
	s := Step{Verb: Call, To: []Target{{Service: to}}, Need: 1}
	if len(g.groups) > 1 && g.chance(20) {
		if other := g.service(g.rng.IntN(len(g.groups) - 1)); other != to {
			s.To = append(s.To, Target{Service: other, Own: true, Do: []Step{g.wait(2 * time.Millisecond)}})
			s.Need = 1 + g.rng.IntN(2)
		}
	}
	switch n := g.rng.IntN(100); {
	case n < 15:
		s.Timeout, s.Catch = Span{50 * time.Millisecond, 2 * time.Second}, g.chance(60)
	case n < 20:
		s.Cancel = Span{time.Millisecond, 50 * time.Millisecond}
	case n < 28:
		return Step{Verb: Send, To: s.To[:1]}
	}
	return s
}
