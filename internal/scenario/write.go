package scenario

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format returns the scenario as a file that Parse reads as the same scenario,
// but for its name. Groups stay expanded: their members become services and
// sessions of their own, with a - where the group has a /.
func Format(s *Scenario) ([]byte, error) {
	root := mapping()
	root.HeadComment = "# " + strings.ReplaceAll(s.Proves, "\n", " ")
	add(root, "for", s.For.String())
	var locks []*yaml.Node
	permits := mapping()
	for _, g := range s.Guards {
		if g.Permit {
			add(permits, g.Name, g.Size)
		} else {
			locks = append(locks, scalar(g.Name))
		}
	}
	if len(locks) > 0 {
		put(root, "locks", flow(locks...))
	}
	if len(permits.Content) > 0 {
		put(root, "permits", permits)
	}
	services := mapping()
	for i := range s.Services {
		put(services, plain(s.Services[i].Name), s.Services[i].node())
	}
	put(root, "services", services)
	sessions := mapping()
	for _, one := range s.Sessions {
		put(sessions, plain(one.Name), one.node())
	}
	put(root, "sessions", sessions)
	if len(s.Faults) > 0 {
		put(root, "faults", s.faults())
	}
	put(root, "expect", s.Expect.node())
	text, err := yaml.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("format scenario: %w", err)
	}
	return text, nil
}

// plain makes the name of a member one of its own.
func plain(name string) string { return strings.ReplaceAll(name, "/", "-") }

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func scalar(v any) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)} }

func flow(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: items}
}

func put(to *yaml.Node, key string, value *yaml.Node) {
	to.Content = append(to.Content, scalar(key), value)
}

func add(to *yaml.Node, key string, v any) { put(to, key, scalar(v)) }

func (s *Service) node() *yaml.Node {
	n := mapping()
	if len(s.Replicas) > 1 {
		add(n, "replicas", len(s.Replicas))
	}
	if s.Workers > 1 {
		add(n, "workers", s.Workers)
	}
	if s.Prefetch != min(s.Consumers()-1, 1) {
		add(n, "prefetch", s.Prefetch)
	}
	if s.Buffer > 0 {
		add(n, "buffer", s.Buffer)
	}
	if s.Reentrant {
		add(n, "reentrant", true)
	}
	if s.Unwatched > 0 {
		add(n, "unwatched", s.Unwatched)
	}
	if len(s.Does) > 0 {
		put(n, "does", program(s.Does))
	}
	return n
}

func (s *Session) node() *yaml.Node {
	if !s.Unwatched {
		return program(s.Does)
	}
	n := mapping()
	add(n, "unwatched", true)
	put(n, "does", program(s.Does))
	return n
}

func program(steps []Step) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if len(steps) == 0 {
		n.Style = yaml.FlowStyle
	}
	for i := range steps {
		n.Content = append(n.Content, steps[i].node())
	}
	return n
}

func (s *Step) node() *yaml.Node {
	n := mapping()
	switch s.Verb {
	case Answer:
		return scalar(Answer)
	case Wait:
		n.Style = yaml.FlowStyle
		add(n, "wait", s.For)
	case Repeat:
		add(n, "repeat", s.Times)
	case Lock, Permit:
		add(n, string(s.Verb), s.Guard)
	case Call, Send:
		s.targets(n)
	}
	if !s.Timeout.Zero() {
		add(n, "timeout", s.Timeout)
	}
	if s.Catch {
		add(n, "catch", true)
	}
	if !s.Cancel.Zero() {
		add(n, "cancel", s.Cancel)
	}
	if len(s.Do) > 0 {
		put(n, "do", program(s.Do))
	}
	return n
}

func (s *Step) targets(n *yaml.Node) {
	var to []*yaml.Node
	for _, t := range s.To {
		one := scalar(plain(t.Service))
		if t.Own {
			one = mapping()
			add(one, "to", plain(t.Service))
			put(one, "do", program(t.Do))
		}
		to = append(to, one)
	}
	if len(to) == 1 {
		put(n, string(s.Verb), to[0])
		return
	}
	put(n, string(s.Verb), &yaml.Node{Kind: yaml.SequenceNode, Content: to})
	if s.Need < len(to) {
		add(n, "need", s.Need)
	}
}

func (s *Scenario) faults() *yaml.Node {
	all := &yaml.Node{Kind: yaml.SequenceNode}
	for _, f := range s.Faults {
		n := mapping()
		add(n, "at", f.At)
		var names []*yaml.Node
		for _, name := range f.Names {
			names = append(names, scalar(plain(name)))
		}
		switch {
		case f.Part == Detector:
			add(n, string(f.Action), Detector)
		case f.Action == Partition && len(names) == 0:
			add(n, string(f.Action), "all")
		case f.Action == Partition, f.Action == Drop:
			put(n, string(f.Action), flow(names...))
		default:
			whom := mapping()
			put(whom, string(f.Part), flow(names...))
			put(n, string(f.Action), whom)
		}
		if f.Lasting > 0 {
			add(n, "for", f.Lasting)
		}
		all.Content = append(all.Content, n)
	}
	return all
}

func (e *Expectation) node() *yaml.Node {
	if e.Outcome != Verdicts {
		return scalar(e.Outcome)
	}
	all := &yaml.Node{Kind: yaml.SequenceNode}
	for _, v := range e.Verdicts {
		n := mapping()
		put(n, v.Kind, crowds(v.Core))
		if v.Listed {
			put(n, "behind", crowds(v.Behind))
		}
		if v.Within > 0 {
			add(n, "within", v.Within)
		}
		if v.At != (Window{}) {
			add(n, "at", Span{v.At.From, v.At.To})
		}
		if v.Resolved != "" {
			add(n, "resolved", v.Resolved)
		}
		all.Content = append(all.Content, n)
	}
	return all
}

func crowds(of []Crowd) *yaml.Node {
	n := flow()
	for _, c := range of {
		n.Content = append(n.Content, scalar(Crowd{plain(c.Name), c.Count}))
	}
	return n
}
