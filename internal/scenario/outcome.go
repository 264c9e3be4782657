package scenario

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// faults reads what goes wrong.
func (p *parser) faults(n *yaml.Node) {
	for _, item := range items(n) {
		f := Fault{}
		timed := false
		act := func(a Action, read func(*Fault, *yaml.Node)) func(*yaml.Node) {
			return func(n *yaml.Node) {
				if f.Action != "" {
					p.wrong(n, "one of them, the other in a fault of its own", "%s and %s in one fault", f.Action, a)
				}
				f.Action = a
				read(&f, n)
			}
		}
		if !p.fields(item, "a fault, like {at: 1s, kill: {process: NAME}}",
			field{"at", func(n *yaml.Node) { f.At, timed = p.duration(n), true }},
			field{"kill", act(Kill, p.victim)},
			field{"pause", act(Pause, p.victim)},
			field{"drop", act(Drop, p.replicas)},
			field{"partition", act(Partition, p.parted)},
			field{"for", func(n *yaml.Node) { f.Lasting = p.lasting(n) }},
		) {
			continue
		}
		switch {
		case !timed:
			p.wrong(item, "at", "when it happens is missing")
		case f.Action == "":
			p.wrong(item, "kill, pause, drop or partition", "what happens is missing")
		case f.Lasting == 0 && (f.Action == Pause || f.Action == Partition):
			p.wrong(item, "for", "how long it lasts is missing")
		}
		p.s.Faults = append(p.s.Faults, f)
	}
	slices.SortStableFunc(p.s.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

// victim reads who is killed or paused.
func (p *parser) victim(f *Fault, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		p.choice(n, string(Detector))
		f.Part = Detector
		return
	}
	hit := func(part Part, known []string) field {
		return field{string(part), func(n *yaml.Node) { f.Part, f.Names = part, p.known(n, known) }}
	}
	replicas := p.allReplicas()
	p.fields(n, "detector, or a mapping with process, replica or agent",
		hit(Process, p.allProcesses()), hit(Replica, replicas), hit(Agent, replicas))
	if len(n.Content) != 2 {
		p.wrong(n, "one of process, replica, agent", "who it befalls is not clear")
	}
}

func (p *parser) replicas(f *Fault, n *yaml.Node) {
	f.Part, f.Names = Replica, p.known(n, p.allReplicas())
}

func (p *parser) parted(f *Fault, n *yaml.Node) {
	if f.Part = Agent; n.Value != "all" {
		f.Names = p.known(n, p.allReplicas())
	}
}

// known reads one name or several of those that there are.
func (p *parser) known(n *yaml.Node, names []string) (found []string) {
	want := one(names[:min(10, len(names))])
	if len(items(n)) == 0 {
		p.wrong(n, want, "nobody is named")
	}
	for _, item := range items(n) {
		if !slices.Contains(names, item.Value) {
			p.wrong(item, want, "%s is not known", kindOf(item))
			continue
		}
		found = append(found, item.Value)
	}
	return found
}

// Sessions is the replica in which all sessions run.
const Sessions = "sessions"

func (p *parser) allReplicas() []string {
	names := []string{Sessions}
	for i := range p.s.Services {
		for _, r := range p.s.Services[i].Replicas {
			if !slices.Contains(names, r) {
				names = append(names, r)
			}
		}
	}
	return names
}

func (p *parser) allProcesses() (names []string) {
	for i := range p.s.Services {
		names = append(names, p.s.Services[i].Processes()...)
	}
	for i := range p.s.Sessions {
		names = append(names, p.s.Sessions[i].Name)
	}
	return names
}

const wantExpect = "silence, either, or a list of verdicts like {cycle: [a, b]}"

func (p *parser) expect(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		if n.Value != string(Silence) && n.Value != string(Either) {
			p.wrong(n, wantExpect, "%s is not possible here", kindOf(n))
		}
		p.s.Expect.Outcome = Outcome(n.Value)
		return
	}
	p.s.Expect.Outcome = Verdicts
	for _, item := range items(n) {
		p.s.Expect.Verdicts = append(p.s.Expect.Verdicts, p.verdict(item))
	}
	if len(p.s.Expect.Verdicts) == 0 {
		p.wrong(n, wantExpect, "the list is empty")
	}
}

func (p *parser) verdict(n *yaml.Node) Expected {
	var e Expected
	kind := func(name string) field {
		return field{name, func(n *yaml.Node) {
			if e.Kind != "" {
				p.wrong(n, "one of them", "%s and %s in one verdict", e.Kind, name)
			}
			if e.Kind, e.Core = name, p.crowds(n); len(items(n)) == 0 {
				p.wrong(n, "the processes of the core", "nobody is in it")
			}
		}}
	}
	p.fields(n, "a verdict, like {cycle: [a, b]}",
		kind("self"), kind("cycle"), kind("knot"),
		field{"behind", func(n *yaml.Node) { e.Behind, e.Listed = p.crowds(n), true }},
		field{"within", func(n *yaml.Node) { e.Within = p.lasting(n) }},
		field{"at", func(n *yaml.Node) { e.At = p.window(n) }},
		field{"resolved", func(n *yaml.Node) { e.Resolved = p.choice(n, causes...) }},
	)
	if e.Kind == "" {
		p.wrong(n, "self, cycle or knot with the processes of the core", "the kind is missing")
	}
	return e
}

// causes are the ways in which a verdict can end.
var causes = []string{"granted", "timeout", "cancelled", "crashed", "holder_joined", "agent_lost", "released", "unknown"}

var manyOf = regexp.MustCompile(`^(.*?)(?: ?\* ?(\d{1,6}))?$`)

// crowds reads processes, each as NAME or, for several, NAME*COUNT.
func (p *parser) crowds(n *yaml.Node) []Crowd {
	all, sum := p.allProcesses(), make(map[string]int)
	var crowds []Crowd
	for _, item := range items(n) {
		m := manyOf.FindStringSubmatch(item.Value)
		if item.Kind != yaml.ScalarNode || m == nil {
			p.wrong(item, "the name of a process, service or group", "this is %s", kindOf(item))
			continue
		}
		c := Crowd{Name: m[1], Count: 1}
		if m[2] != "" {
			c.Count, _ = strconv.Atoi(m[2]) // at most six digits
		}
		fitting := 0
		for _, name := range all {
			if c.Includes(name) {
				fitting++
			}
		}
		sum[c.Name] += c.Count
		switch {
		case fitting == 0:
			p.wrong(item, one(all[:min(10, len(all))]), "%s is no process", kindOf(item))
		case c.Count < 1 || sum[c.Name] > fitting:
			p.wrong(item, fmt.Sprintf("at most %d", fitting), "%d processes of %s", sum[c.Name], c.Name)
		}
		crowds = append(crowds, c)
	}
	return crowds
}

// Includes reports whether a process may be one of the crowd.
func (c Crowd) Includes(process string) bool {
	rest, ok := strings.CutPrefix(process, c.Name)
	return ok && (rest == "" || strings.ContainsRune("/@#", rune(rest[0])))
}
