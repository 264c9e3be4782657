package scenario

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// parser turns nodes into a scenario. Services are read in two passes, since
// programs refer to services that come later.
type parser struct {
	reader
	s      *Scenario
	groups map[string]group // by name
	guards map[string]Guard
	steps  int
	member member // of the group being read
}

// group is a service or session of the file. Without a count it is one, and
// its name is its member's.
type group struct {
	counted bool
	count   int
}

// member is the one of a group that a program is read for.
type member struct {
	index int // from 1
}

// Parse reads a file. The name is for messages and becomes the scenario's,
// without folder and extension. The error is of type FileErrors and names
// everything that is wrong.
func Parse(name string, data []byte) (*Scenario, error) {
	p := &parser{
		reader: reader{file: name},
		s: &Scenario{
			Name: strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)),
			For:  10 * time.Second, Proves: firstComment(data),
		},
		groups: make(map[string]group), guards: make(map[string]Guard),
	}
	if root := p.document(data); root != nil {
		p.file(root)
	}
	if len(p.problems) > 0 {
		all := p.problems.sorted()
		return nil, all[:min(len(all), maxProblems)]
	}
	return p.s, nil
}

// firstComment returns the comment at the head of a file in one line.
func firstComment(data []byte) string {
	var words []string
	for line := range strings.Lines(string(data)) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		if text = strings.TrimSpace(text); !strings.HasPrefix(text, "yaml-language-server:") {
			words = append(words, text)
		}
	}
	return strings.Join(words, " ")
}

func (p *parser) file(root *yaml.Node) {
	services, sessions, expect := new(yaml.Node), new(yaml.Node), new(yaml.Node)
	keep := func(to **yaml.Node) func(*yaml.Node) { return func(n *yaml.Node) { *to = n } }
	if !p.fields(root, "a mapping with services, sessions and expect",
		field{"for", func(n *yaml.Node) { p.s.For = p.lasting(n) }},
		field{"locks", p.locks},
		field{"permits", p.permits},
		field{"services", keep(&services)},
		field{"sessions", keep(&sessions)},
		field{"faults", func(*yaml.Node) {}},
		field{"expect", keep(&expect)},
	) {
		return
	}
	for _, must := range []struct {
		key  string
		node *yaml.Node
	}{{"services", services}, {"sessions", sessions}, {"expect", expect}} {
		if must.node.Kind == 0 {
			p.wrong(root, "services, sessions and expect", "%s is missing", must.key)
		}
	}
	if services.Kind != 0 {
		p.each(services, "a mapping from names to services", p.announce)
		p.each(services, "a mapping from names to services", p.service)
	}
	if sessions.Kind != 0 {
		p.each(sessions, "a mapping from names to sessions", p.session)
	}
	if n := p.processes(); n > maxProcesses {
		p.wrong(root, fmt.Sprintf("at most %d", maxProcesses), "there are %d processes", n)
		return
	}
	p.fields(root, "", slices.Concat(ignored("for", "locks", "permits", "services", "sessions"), []field{
		{"faults", p.faults}, {"expect", p.expect},
	})...)
}

func ignored(keys ...string) (f []field) {
	for _, k := range keys {
		f = append(f, field{k, func(*yaml.Node) {}})
	}
	return f
}

func (p *parser) locks(n *yaml.Node) {
	for _, l := range items(n) {
		if p.name(l) {
			p.guard(l, Guard{Name: l.Value, Size: 1})
		}
	}
}

func (p *parser) permits(n *yaml.Node) {
	p.each(n, "a mapping from names to numbers of permits", func(key, value *yaml.Node) {
		p.guard(key, Guard{Name: key.Value, Size: p.number(value, 1, 1000), Permit: true})
	})
}

func (p *parser) guard(n *yaml.Node, g Guard) {
	if _, ok := p.guards[g.Name]; ok {
		p.wrong(n, "another name", "there is a lock or semaphore %s already", g.Name)
		return
	}
	p.guards[g.Name] = g
	p.s.Guards = append(p.s.Guards, g)
}

// announce notes the name of a service and how many there are of it.
func (p *parser) announce(key, n *yaml.Node) {
	g := group{count: 1}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "count" {
				g = group{counted: true, count: p.number(n.Content[i+1], 1, maxProcesses)}
			}
		}
	}
	if key.Value == Sessions {
		p.wrong(key, "another name", "the replica in which the sessions run is called %s", Sessions)
	}
	p.groups[key.Value] = g
}

// members calls do for each member of a group.
func (p *parser) members(name string, g group, do func(name string)) {
	for i := 1; i <= g.count && len(p.problems) < maxProblems; i++ {
		p.member = member{i}
		if g.counted {
			do(fmt.Sprintf("%s/%d", name, i))
		} else {
			do(name)
		}
	}
}

func (p *parser) service(key, n *yaml.Node) {
	g := p.groups[key.Value]
	p.members(key.Value, g, func(name string) {
		s := Service{Name: name, Workers: 1, Prefetch: -1}
		replicas, unwatched := 1, false
		if n.Tag != "!!null" && !p.fields(n, "a mapping that describes the service",
			field{"count", func(*yaml.Node) {}},
			field{"replicas", func(n *yaml.Node) { replicas = p.number(n, 1, 100) }},
			field{"workers", func(n *yaml.Node) { s.Workers = p.number(n, 1, 1000) }},
			field{"prefetch", func(n *yaml.Node) { s.Prefetch = p.number(n, 0, 1000) }},
			field{"buffer", func(n *yaml.Node) { s.Buffer = p.number(n, 1, 1000) }},
			field{"reentrant", func(n *yaml.Node) { s.Reentrant = p.bool(n) }},
			field{"unwatched", func(n *yaml.Node) { s.Unwatched, unwatched = p.number(n, 0, 1000), true }},
			field{"does", func(n *yaml.Node) { s.Does = p.program(n) }},
		) {
			return
		}
		s.Replicas = replicaNames(key.Value, g, replicas, p.member.index)
		if s.Prefetch < 0 {
			s.Prefetch = min(s.Consumers()-1, 1)
		}
		switch {
		case unwatched && s.Unwatched > s.Consumers():
			p.wrong(n, fmt.Sprintf("at most %d", s.Consumers()), "more workers are unwatched than there are")
		case (s.Buffer > 0 || s.Reentrant) && s.Consumers() > 1:
			p.wrong(n, "one worker", "a service with a buffer, or a reentrant one, has several workers")
		case s.Reentrant && s.Prefetch > 0:
			p.wrong(n, "no prefetch", "a reentrant service has to take what comes")
		}
		p.s.Services = append(p.s.Services, s)
	})
}

// replicaNames returns the OS processes of a service. The members of a group
// are shared out among those of the group.
func replicaNames(service string, g group, replicas, index int) (names []string) {
	for i := 1; i <= replicas; i++ {
		if replicas == 1 {
			return []string{service}
		}
		names = append(names, fmt.Sprintf("%s@%d", service, i))
	}
	if g.counted {
		i := (index - 1) % replicas
		return names[i : i+1]
	}
	return names
}

// Consumers returns how many processes the service has.
func (s *Service) Consumers() int { return len(s.Replicas) * s.Workers }

// Processes returns the names of the service's processes: its own if there is
// one, otherwise with a number after an @ for the replica and after a # for the
// worker, where there are several.
func (s *Service) Processes() (names []string) {
	for i := range s.Replicas {
		name := s.Name
		if len(s.Replicas) > 1 {
			name = fmt.Sprintf("%s@%d", name, i+1)
		}
		for w := range s.Workers {
			if s.Workers > 1 {
				names = append(names, fmt.Sprintf("%s#%d", name, w+1))
			} else {
				names = append(names, name)
			}
		}
	}
	return names
}

func (p *parser) session(key, n *yaml.Node) {
	g := group{count: 1}
	if _, ok := p.groups[key.Value]; ok {
		p.wrong(key, "another name", "there is a service %s already", key.Value)
		return
	}
	does, unwatched := n, false
	if n.Kind == yaml.MappingNode && has(n, "does") {
		p.fields(n, "a session",
			field{"count", func(n *yaml.Node) { g = group{true, p.number(n, 1, maxProcesses)} }},
			field{"unwatched", func(n *yaml.Node) { unwatched = p.bool(n) }},
			field{"does", func(n *yaml.Node) { does = n }},
		)
	}
	p.members(key.Value, g, func(name string) {
		p.s.Sessions = append(p.s.Sessions, Session{Name: name, Unwatched: unwatched, Does: p.program(does)})
	})
}

func has(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

func (p *parser) processes() int {
	n := len(p.s.Sessions)
	for i := range p.s.Services {
		n += p.s.Services[i].Consumers()
	}
	return n
}
