package layering

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A policy is the law as read from its text.
type policy struct {
	this     string
	lines    int
	names    set
	std      set
	uses     set
	never    []ban
	packages map[string]rule
	modules  map[string]scope
}

// A rule says what a package of this module is and may import of this module.
type rule struct {
	pure bool
	scope
}

// A scope is the two lists around a bar: for code, and for tests besides.
type scope struct {
	code, tests patterns
}

// of returns what holds for a file's imports.
func (s scope) of(test bool) patterns {
	if test {
		return append(slices.Clip(s.code), s.tests...)
	}
	return s.code
}

// A ban keeps packages from reaching others through code, directly or not.
type ban struct {
	from, to, but patterns
}

func (b ban) String() string {
	s := fmt.Sprintf("never %s imports %s", strings.Join(b.from, " "), strings.Join(b.to, " "))
	if len(b.but) > 0 {
		s += " but " + strings.Join(b.but, " ")
	}
	return s
}

func (b ban) forbids(from, to string) bool {
	return from != to && b.from.match(from) && b.to.match(to) && !b.but.match(to)
}

type set map[string]bool

func (s set) add(words []string) {
	for _, w := range words {
		s[w] = true
	}
}

// patterns match paths of packages: x itself, x/... for x and below, ... for all.
type patterns []string

func (ps patterns) match(pkg string) bool {
	for _, p := range ps {
		root, tree := strings.CutSuffix(p, "...")
		root = strings.TrimSuffix(root, "/")
		if pkg == root || tree && (root == "" || within(pkg, root)) {
			return true
		}
	}
	return false
}

// within reports whether a path is below a root.
func within(path, root string) bool {
	return strings.HasPrefix(path, root+"/")
}

// parsePolicy reads a law. Its errors begin with the number of the line.
func parsePolicy(text string) (*policy, error) {
	p := &policy{names: set{}, std: set{}, uses: set{}, packages: map[string]rule{}, modules: map[string]scope{}}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := p.directive(words[0], words[1:]); err != nil {
			return nil, fmt.Errorf("%d: %s: %w", n, words[0], err)
		}
	}
	return p, lines.Err()
}

func (p *policy) directive(verb string, words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("nothing follows")
	}
	var err error
	switch verb {
	case "this":
		p.this = words[0]
	case "lines":
		p.lines, err = strconv.Atoi(words[0])
	case "names":
		p.names.add(words)
	case "std":
		p.std.add(words)
	case "uses":
		p.uses.add(words)
	case "never":
		err = p.addBan(words)
	case "pure", "shell":
		err = p.addPackage(verb == "pure", words)
	case "module":
		err = p.addModule(words)
	default:
		err = fmt.Errorf("unknown directive")
	}
	return err
}

func (p *policy) addBan(words []string) error {
	parts := split(words, "imports", "but")
	b := ban{from: parts[0], to: parts[1], but: parts[2]}
	if len(b.from) == 0 || len(b.to) == 0 {
		return fmt.Errorf("want PATTERN... imports PATTERN... [but PATTERN...]")
	}
	p.never = append(p.never, b)
	return nil
}

func (p *policy) addPackage(pure bool, words []string) error {
	name, s, err := parseScope(words)
	if err != nil {
		return err
	}
	if _, twice := p.packages[name]; twice {
		return fmt.Errorf("%s has two lines", name)
	}
	p.packages[name] = rule{pure, s}
	return nil
}

func (p *policy) addModule(words []string) error {
	name, s, err := parseScope(words)
	if err != nil {
		return err
	}
	if _, twice := p.modules[name]; twice {
		return fmt.Errorf("%s has two lines", name)
	}
	p.modules[name] = s
	return nil
}

// parseScope reads NAME: CODE... | TESTS...
func parseScope(words []string) (name string, s scope, err error) {
	name, colon := strings.CutSuffix(words[0], ":")
	if !colon {
		return "", s, fmt.Errorf("no colon after %s", name)
	}
	parts := split(words[1:], "|")
	return name, scope{code: parts[0], tests: parts[1]}, nil
}

// split cuts words at the separators, which stand in this order or not at all.
func split(words []string, separators ...string) [][]string {
	parts := make([][]string, len(separators)+1)
	at := 0
	for _, w := range words {
		if at < len(separators) && w == separators[at] {
			at++
		} else {
			parts[at] = append(parts[at], w)
		}
	}
	return parts
}
