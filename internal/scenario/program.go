package scenario

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const wantStep = "a step: wait, call, send, lock, permit, answer or repeat"

// program reads one step or a list of steps. Nodes are nested no deeper than
// maxDepth, and so is the reading.
func (p *parser) program(n *yaml.Node) []Step {
	var steps []Step
	for _, item := range items(n) {
		if !p.count(n, 1) {
			return nil
		}
		if s, ok := p.step(item); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

// count counts steps and says where they become too many. It reports whether they
// are not.
func (p *parser) count(n *yaml.Node, more int) bool {
	if p.steps > maxSteps {
		return false
	}
	if p.steps += more; p.steps > maxSteps {
		p.steps = maxSteps + 1 // more could be multiplied until it overflows
		p.wrong(n, fmt.Sprintf("at most %d", maxSteps), "there are too many steps")
		return false
	}
	return true
}

// verbs are the keys that make a mapping a step, with what else it may have.
var verbs = map[Verb][]string{
	Wait:   {},
	Call:   {"need", "do", "timeout", "catch", "cancel"},
	Send:   {"do", "timeout", "catch"},
	Lock:   {"do", "timeout", "catch"},
	Permit: {"do", "timeout", "catch"},
	Repeat: {"do"},
}

func (p *parser) step(n *yaml.Node) (Step, bool) {
	if n.Kind == yaml.ScalarNode && n.Value == string(Answer) {
		return Step{Verb: Answer}, true
	}
	verb, ok := p.verb(n)
	if !ok {
		return Step{}, false
	}
	s := Step{Verb: verb}
	known := []field{{string(verb), func(n *yaml.Node) { p.object(&s, n) }}}
	for _, key := range verbs[verb] {
		known = append(known, field{key, func(n *yaml.Node) { p.modifier(&s, key, n) }})
	}
	p.fields(n, wantStep, known...)
	switch {
	case p.steps > maxSteps: // which was said, and the rest is not read
	case verb == Repeat && len(s.Do) == 0:
		p.wrong(n, "do", "what is repeated is missing")
	case s.Catch && s.Timeout.Zero():
		p.wrong(n, "timeout", "there is no timeout to be caught")
	}
	return s, true
}

// verb finds the verb of a step.
func (p *parser) verb(n *yaml.Node) (Verb, bool) {
	if n.Kind != yaml.MappingNode {
		p.wrong(n, wantStep, "this is %s", kindOf(n))
		return "", false
	}
	var found []Verb
	for _, v := range slices.Sorted(maps.Keys(verbs)) {
		if has(n, string(v)) {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 0:
		p.wrong(n, wantStep, "this says nothing that can be done")
		return "", false
	case 1:
		return found[0], true
	}
	p.wrong(n, "one of them, the other in a step of its own", "%s and %s in one step", found[0], found[1])
	return "", false
}

// object reads what stands behind the verb.
func (p *parser) object(s *Step, n *yaml.Node) {
	switch s.Verb {
	case Wait:
		s.For = p.span(n)
	case Call:
		for _, item := range items(n) {
			p.target(s, item)
		}
		s.Need = len(s.To)
		if s.Need == 0 {
			p.wrong(n, "a service", "nobody is called")
		}
	case Send:
		p.target(s, n)
	case Lock, Permit:
		p.take(s, n)
	case Repeat:
		s.Times = p.number(n, 1, 1000)
	}
}

func (p *parser) take(s *Step, n *yaml.Node) {
	g, ok := p.guards[n.Value]
	if ok && n.Kind == yaml.ScalarNode && g.Permit == (s.Verb == Permit) {
		s.Guard = g.Name
		return
	}
	var names []string
	for _, g := range p.s.Guards {
		if g.Permit == (s.Verb == Permit) {
			names = append(names, g.Name)
		}
	}
	if len(names) == 0 {
		p.wrong(n, fmt.Sprintf("its name under %ss", s.Verb), "%s is not declared", kindOf(n))
		return
	}
	p.wrong(n, one(names), "%s is not declared under %ss", kindOf(n), s.Verb)
}

// target reads a service that is called, perhaps with what it is to do.
func (p *parser) target(s *Step, n *yaml.Node) {
	var t Target
	if n.Kind == yaml.MappingNode {
		p.fields(n, "a service",
			field{"to", func(n *yaml.Node) { t.Service = p.service1(n) }},
			field{"do", func(n *yaml.Node) { t.Do, t.Own = p.program(n), true }},
		)
		if !has(n, "to") {
			p.wrong(n, "to", "whom to call is missing")
		}
	} else {
		t.Service = p.service1(n)
	}
	s.To = append(s.To, t)
}

func (p *parser) modifier(s *Step, key string, n *yaml.Node) {
	switch key {
	case "need":
		p.need(s, n)
	case "do":
		p.do(s, n)
	case "timeout":
		s.Timeout = p.positive(n)
	case "catch":
		s.Catch = p.bool(n)
	case "cancel":
		s.Cancel = p.positive(n)
	}
}

func (p *parser) need(s *Step, n *yaml.Node) {
	switch n.Value {
	case "all":
	case "any":
		s.Need = 1
	default:
		want := fmt.Sprintf("all, any or a number from 1 to %d", len(s.To))
		if k, err := strconv.Atoi(n.Value); err == nil && k >= 1 && k <= len(s.To) {
			s.Need = k
			return
		}
		p.wrong(n, want, "%s is not possible here", kindOf(n))
	}
}

// do reads what is done inside a step: by itself, or by those who are called.
func (p *parser) do(s *Step, n *yaml.Node) {
	before, times := p.steps, s.Times
	does := p.program(n)
	if s.Verb != Call && s.Verb != Send {
		s.Do = does
	} else {
		for i := range s.To {
			if !s.To[i].Own {
				s.To[i].Do, s.To[i].Own = does, true
				times++
			}
		}
	}
	p.count(n, (p.steps-before)*max(0, times-1))
}

var memberOf = regexp.MustCompile(`^([^/{}]+)(?:/(?:(\d{1,6})|\{i(?:([+-]\d{1,6}))?\}))?$`)

// service1 reads the name of one service.
func (p *parser) service1(n *yaml.Node) string {
	text, ok := p.scalar(n, "the name of a service")
	if !ok {
		return ""
	}
	m := memberOf.FindStringSubmatch(text)
	g, known := group{}, false
	if m != nil {
		g, known = p.groups[m[1]]
	}
	switch {
	case !known:
		p.wrong(n, p.someServices(), "there is no service %q", clip(text))
	case !g.counted && strings.Contains(text, "/"):
		p.wrong(n, m[1], "%s is no group", m[1])
	case g.counted && !strings.Contains(text, "/"):
		p.wrong(n, fmt.Sprintf("one of them, like %[1]s/1, %[1]s/{i} or %[1]s/{i+1}", text), "%s is a group", text)
	case g.counted:
		return p.numbered(n, m, g)
	default:
		return text
	}
	return ""
}

// numbered returns a member of a group. What is counted from the present member
// goes round; what is written as a number does not.
func (p *parser) numbered(n *yaml.Node, m []string, g group) string {
	i, err := strconv.Atoi(m[2])
	if err != nil {
		shift, _ := strconv.Atoi(m[3]) // none is 0
		i = ((p.member.index-1+shift)%g.count+g.count)%g.count + 1
	}
	if i < 1 || i > g.count {
		p.wrong(n, fmt.Sprintf("1 to %d", g.count), "the group %s has no member %d", m[1], i)
	}
	return fmt.Sprintf("%s/%d", m[1], i)
}

func (p *parser) someServices() string {
	names := slices.Sorted(maps.Keys(p.groups))
	if len(names) == 0 {
		return "one that is declared under services"
	}
	if more := len(names) - 10; more > 0 {
		return fmt.Sprintf("%s or %d more", one(names[:10]), more)
	}
	return one(names)
}
