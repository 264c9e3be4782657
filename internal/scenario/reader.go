package scenario

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds on a file: whoever wrote it may wish us ill.
const (
	maxBytes     = 1 << 20
	maxDepth     = 60 // of nested nodes
	maxProblems  = 50
	maxProcesses = 4000
	maxSteps     = 100_000 // of all programs, groups expanded, repetitions played out
	maxName      = 60
	maxSpan      = time.Hour
)

// reader walks the nodes of a file and collects what is wrong.
type reader struct {
	file     string
	problems FileErrors
}

func (r *reader) wrong(n *yaml.Node, want, format string, args ...any) {
	if len(r.problems) < maxProblems*4 {
		r.problems = append(r.problems, Problem{r.file, n.Line, n.Column, fmt.Sprintf(format, args...), want})
	}
}

var lineOf = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document returns the one document of a file.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > maxBytes {
		r.wrong(&yaml.Node{Line: 1, Column: 1}, fmt.Sprintf("at most %d", maxBytes), "the file has %d bytes", len(data))
		return nil
	}
	var doc, second yaml.Node
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		r.wrong(&yaml.Node{Line: 1, Column: 1}, "services, sessions and expect", "the file is empty")
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := d.Decode(&second); err == nil {
		r.wrong(&second, "one document", "a second document begins")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if !r.sane(&doc) {
		return nil
	}
	return doc.Content[0]
}

func (r *reader) syntax(err error) {
	n := yaml.Node{Line: 1, Column: 1}
	if m := lineOf.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
		n.Line, _ = strconv.Atoi(m[1])
	}
	r.wrong(&n, "YAML", "%s", lineOf.ReplaceAllString(err.Error(), ""))
}

// sane refuses aliases, which can make a small file huge, tags and deep nests.
func (r *reader) sane(root *yaml.Node) bool {
	type place struct {
		node  *yaml.Node
		depth int
	}
	for todo := []place{{root, 0}}; len(todo) > 0; {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch n := p.node; {
		case n.Kind == yaml.AliasNode, n.Anchor != "":
			r.wrong(n, "the thing itself", "anchors and aliases are not part of the format")
		case n.Style&yaml.TaggedStyle != 0:
			r.wrong(n, "a value without a tag", "tags are not part of the format")
		case p.depth > maxDepth:
			r.wrong(n, fmt.Sprintf("at most %d levels", maxDepth), "nested too deep")
			return false
		}
		for _, c := range p.node.Content {
			todo = append(todo, place{c, p.depth + 1})
		}
	}
	return len(r.problems) == 0
}

// field is one key of a mapping and what reads its value.
type field struct {
	key  string
	read func(n *yaml.Node)
}

// fields reads a mapping. Fields are read in the order given here, whatever
// that of the file is.
func (r *reader) fields(n *yaml.Node, what string, known ...field) bool {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, what, "this is %s", kindOf(n))
		return false
	}
	var keys []string
	for _, f := range known {
		keys = append(keys, f.key)
	}
	values := make(map[string]*yaml.Node)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case !slices.Contains(keys, key.Value):
			r.wrong(key, one(keys), "unknown key %q", clip(key.Value))
		case values[key.Value] != nil:
			r.wrong(key, "each key once", "%s stands here twice", key.Value)
		default:
			values[key.Value] = n.Content[i+1]
		}
	}
	for _, f := range known {
		if v := values[f.key]; v != nil {
			f.read(v)
		}
	}
	return true
}

// each calls do for the keys and values of a mapping.
func (r *reader) each(n *yaml.Node, what string, do func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, what, "this is %s", kindOf(n))
		return
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if seen[key.Value] {
			r.wrong(key, "each name once", "%q stands here twice", clip(key.Value))
			continue
		}
		seen[key.Value] = true
		if r.name(key) {
			do(key, n.Content[i+1])
		}
	}
}

// items returns the items of a list. A single thing is a list of one.
func items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

var properName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:-]*$`)

// name checks a name that the file gives to something.
func (r *reader) name(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode && len(n.Value) <= maxName && properName.MatchString(n.Value) {
		return true
	}
	r.wrong(n, fmt.Sprintf("a letter and then letters, digits and _ . : -, at most %d in all", maxName), "%q is no name", clip(n.Value))
	return false
}

// scalar returns a single value as text.
func (r *reader) scalar(n *yaml.Node, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.wrong(n, want, "this is %s", kindOf(n))
		return "", false
	}
	return n.Value, true
}

func (r *reader) choice(n *yaml.Node, of ...string) string {
	s, ok := r.scalar(n, one(of))
	if ok && !slices.Contains(of, s) {
		r.wrong(n, one(of), "%q is not possible here", clip(s))
		return ""
	}
	return s
}

func (r *reader) number(n *yaml.Node, low, high int) int {
	want := fmt.Sprintf("a number from %d to %d", low, high)
	s, ok := r.scalar(n, want)
	if !ok {
		return low
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < low || v > high {
		r.wrong(n, want, "%q is not possible here", clip(s))
		return low
	}
	return v
}

func (r *reader) bool(n *yaml.Node) bool { return r.choice(n, "true", "false") == "true" }

const wantSpan = "a duration like 20ms, or a range like 5ms..20ms"

// span reads a duration or a range of durations.
func (r *reader) span(n *yaml.Node) Span {
	text, ok := r.scalar(n, wantSpan)
	if !ok {
		return Span{}
	}
	low, high, ranged := strings.Cut(text, "..")
	if !ranged {
		high = low
	}
	a, errA := time.ParseDuration(strings.TrimSpace(low))
	b, errB := time.ParseDuration(strings.TrimSpace(high))
	switch {
	case errA != nil || errB != nil:
		r.wrong(n, wantSpan, "%q is no duration", clip(text))
	case a < 0 || b > maxSpan:
		r.wrong(n, fmt.Sprintf("0s to %v", maxSpan), "%s is out of bounds", clip(text))
	case b < a:
		r.wrong(n, "the shorter one first", "the range %s is empty", clip(text))
	default:
		return Span{a, b}
	}
	return Span{}
}

// positive reads a span that is not zero.
func (r *reader) positive(n *yaml.Node) Span {
	before := len(r.problems)
	s := r.span(n)
	if s.Min == 0 && len(r.problems) == before {
		r.wrong(n, "more than 0s", "%s is no time at all", clip(n.Value))
	}
	return s
}

// duration reads a span that is fixed.
func (r *reader) duration(n *yaml.Node) time.Duration {
	s := r.span(n)
	if !s.Fixed() {
		r.wrong(n, "a duration like 20ms", "a range is not possible here")
	}
	return s.Min
}

// lasting reads a span that is fixed and not zero.
func (r *reader) lasting(n *yaml.Node) time.Duration {
	s := r.positive(n)
	if !s.Fixed() {
		r.wrong(n, "a duration like 20ms", "a range is not possible here")
	}
	return s.Min
}

// window reads a part of a run. One that is over when it begins would count for
// none.
func (r *reader) window(n *yaml.Node) Window {
	before := len(r.problems)
	s := r.span(n)
	if s.Zero() && len(r.problems) == before {
		r.wrong(n, "a time or a range that ends later than 0s", "%s is the beginning itself", clip(n.Value))
	}
	return Window{s.Min, s.Max}
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	}
	return fmt.Sprintf("%q", clip(n.Value))
}

// one words a choice.
func one(of []string) string {
	if len(of) == 1 {
		return of[0]
	}
	return "one of " + strings.Join(of, ", ")
}

// clip keeps hostile text short.
func clip(s string) string {
	if len(s) > maxName {
		return strings.ToValidUTF8(s[:maxName], "") + "..."
	}
	return s
}
