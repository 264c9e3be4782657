package layering

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// breaches judges a module by a policy: one sentence for each breach, sorted.
func (p *policy) breaches(sources []source) []string {
	j := &judge{policy: p, reaches: map[string]set{}}
	for _, s := range sources {
		j.file(s)
	}
	j.register(sources)
	j.bans()
	slices.Sort(j.found)
	return slices.Compact(j.found)
}

type judge struct {
	*policy
	reaches map[string]set // package -> packages of ours that its code imports
	found   []string
}

func (j *judge) breach(where, format string, args ...any) {
	j.found = append(j.found, where+": "+fmt.Sprintf(format, args...))
}

// register holds the lines of the policy against the packages that there are.
func (j *judge) register(sources []source) {
	there := set{}
	for _, s := range sources {
		there[s.pkg] = true
	}
	for pkg := range there {
		if _, ok := j.packages[pkg]; !ok {
			j.breach(pkg, "has no line in the policy")
		}
	}
	for pkg := range j.packages {
		if !there[pkg] {
			j.breach(pkg, "has a line in the policy and no Go file")
		}
	}
}

func (j *judge) file(s source) {
	if j.lines > 0 && s.lines > j.lines {
		j.breach(s.name, "has %d lines, more than %d", s.lines, j.lines)
	}
	for _, name := range append(strings.Split(s.pkg, "/"), s.file.Name.Name) {
		if j.names[strings.TrimSuffix(name, "_test")] {
			j.breach(s.name, "a package called %s says nothing of what is in it", name)
		}
	}
	for _, i := range s.imports() {
		j.imported(s, i)
	}
	if j.packages[s.pkg].pure && !s.test {
		j.purity(s)
	}
}

// imported judges one import by where it comes from.
func (j *judge) imported(s source, i importSpec) {
	first, _, _ := strings.Cut(i.path, "/")
	switch {
	case i.path == j.this:
		j.ours(s, i, ".")
	case within(i.path, j.this):
		j.ours(s, i, strings.TrimPrefix(i.path, j.this+"/"))
	case strings.Contains(first, "."):
		j.theirs(s, i)
	case j.packages[s.pkg].pure && !s.test && !j.std[i.path]:
		j.breach(s.at(i.pos), "%s is pure and imports %s", s.pkg, i.path)
	}
}

func (j *judge) ours(s source, i importSpec, pkg string) {
	if pkg == s.pkg {
		return // a test outside the package that it tests
	}
	from := j.packages[s.pkg]
	if !from.of(s.test).match(pkg) {
		j.breach(s.at(i.pos), "%s may not import %s", subject(s), pkg)
	}
	if s.test {
		return
	}
	if from.pure && !j.packages[pkg].pure {
		j.breach(s.at(i.pos), "%s is pure and imports %s, which is not", s.pkg, pkg)
	}
	if j.reaches[s.pkg] == nil {
		j.reaches[s.pkg] = set{}
	}
	j.reaches[s.pkg][pkg] = true
}

func (j *judge) theirs(s source, i importSpec) {
	if j.packages[s.pkg].pure && !s.test {
		j.breach(s.at(i.pos), "%s is pure and imports %s", s.pkg, i.path)
		return
	}
	module := ""
	for m := range j.modules {
		if (i.path == m || within(i.path, m)) && len(m) > len(module) {
			module = m
		}
	}
	if !j.modules[module].of(s.test).match(s.pkg) {
		j.breach(s.at(i.pos), "%s may not import %s", subject(s), i.path)
	}
}

func subject(s source) string {
	if s.test {
		return "the tests of " + s.pkg
	}
	return s.pkg
}

// bans follows the imports of code as far as they lead.
func (j *judge) bans() {
	for _, from := range slices.Sorted(maps.Keys(j.reaches)) {
		for to, way := range j.reachable(from) {
			for _, b := range j.never {
				if b.forbids(from, to) {
					j.breach(from, "reaches %s, against %q", strings.Join(way, " -> "), b)
				}
			}
		}
	}
}

// reachable returns a shortest way to each package that another's code depends on.
func (j *judge) reachable(from string) map[string][]string {
	ways := map[string][]string{}
	for queue := [][]string{nil}; len(queue) > 0; queue = queue[1:] {
		way, at := queue[0], from
		if len(way) > 0 {
			at = way[len(way)-1]
		}
		for _, to := range slices.Sorted(maps.Keys(j.reaches[at])) {
			if ways[to] == nil {
				ways[to] = append(slices.Clone(way), to)
				queue = append(queue, ways[to])
			}
		}
	}
	return ways
}

// purity looks at a pure package's code for what imports alone do not show.
func (j *judge) purity(s source) {
	locals := map[string]string{}
	for _, i := range s.imports() {
		locals[i.local] = i.path
		if i.local == "." || i.local == "_" {
			j.breach(s.at(i.pos), "%s is pure and imports %s without a name", s.pkg, i.path)
		}
	}
	for n := range ast.Preorder(s.file) {
		if what := j.impure(n, locals); what != "" {
			j.breach(s.at(n.Pos()), "%s is pure and has %s", s.pkg, what)
		}
	}
}

// impure says what makes a node impure, if anything does.
func (j *judge) impure(n ast.Node, locals map[string]string) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a go statement"
	case *ast.SelectStmt:
		return "a select statement"
	case *ast.ChanType:
		return "a channel"
	case *ast.SelectorExpr:
		x, ok := n.X.(*ast.Ident)
		if ok && j.uses[locals[x.Name]+"."+n.Sel.Name] {
			return locals[x.Name] + "." + n.Sel.Name
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
			return f.Name
		}
	}
	return ""
}
