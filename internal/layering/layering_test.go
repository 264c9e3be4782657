package layering

import (
	_ "embed"
	"maps"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

//go:embed policy.txt
var law string

func TestLaw(t *testing.T) {
	p, err := parsePolicy(law)
	if err != nil {
		t.Fatalf("policy.txt:%v", err)
	}
	sources, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, breach := range p.breaches(sources) {
		t.Error(breach)
	}
}

// The law of a small module whose packages the cases below replace or add to.
const smallLaw = `
this   example.org/m
lines  5
names  util
never  ...  imports  cmd/...
never  product/...  imports  example/...  but  example/words
std    errors time
uses   time.Now
pure   product/core/graph:
pure   product/core:    product/core/graph product/shell | product/shell
shell  product/shell:   product/core bridge
shell  bridge:          example example/words
shell  example:
shell  example/words:
shell  cmd/tool:        ...
module example.com/amqp:      product/shell
module example.com/amqp/sdk:  cmd/...
module example.com/cmp:       | ...
`

func smallModule() fstest.MapFS {
	return mapFS(map[string]string{
		"product/core/graph/graph.go": `package graph; import "errors"; var E = errors.New("e")`,
		"product/core/core.go":        `package core; import ("time"; "example.org/m/product/core/graph"); var T time.Time`,
		"product/core/core_test.go":   `package core_test; import ("os"; "example.org/m/product/core"; "example.org/m/product/shell"; "example.com/cmp")`,
		"product/shell/shell.go":      `package shell; import ("os"; "example.com/amqp"; "example.org/m/product/core"; "example.org/m/bridge")`,
		"bridge/bridge.go":            `package bridge; import "example.org/m/example/words"`,
		"example/example.go":          `package example`,
		"example/words/words.go":      `package words`,
		"cmd/tool/main.go":            `package main; import ("example.org/m/product/shell"; "example.com/amqp/sdk/trace"; "example.com/amqp/sdk")`,
		"product/testdata/bad.go":     `package util`,
		"nested/go.mod":               `module nested`,
		"nested/util.go":              `package util`,
	})
}

func mapFS(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	return m
}

func TestBreaches(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{name: "none"},
		{
			name:  "a package without a line",
			files: map[string]string{"product/new/new.go": `package new`},
			want:  []string{"product/new: has no line in the policy"},
		},
		{
			name:  "a line without a package",
			files: map[string]string{"example/example.go": ""},
			want:  []string{"example: has a line in the policy and no Go file"},
		},
		{
			name:  "an import that no line allows",
			files: map[string]string{"product/shell/shell.go": "package shell\nimport `example.org/m/product/core/graph`"},
			want:  []string{"product/shell/shell.go:2: product/shell may not import product/core/graph"},
		},
		{
			name:  "an import that is for tests only",
			files: map[string]string{"example/example.go": `package example; import "example.com/cmp"`},
			want:  []string{"example/example.go:1: example may not import example.com/cmp"},
		},
		{
			name:  "a test that imports what no line allows",
			files: map[string]string{"example/e_test.go": `package example; import "example.org/m/bridge"`},
			want:  []string{"example/e_test.go:1: the tests of example may not import bridge"},
		},
		{
			name:  "a module for others",
			files: map[string]string{"bridge/bridge.go": `package bridge; import ("example.com/amqp"; "example.com/amqp/sdk"; "example.net/x")`},
			want: []string{
				"bridge/bridge.go:1: bridge may not import example.com/amqp",
				"bridge/bridge.go:1: bridge may not import example.com/amqp/sdk",
				"bridge/bridge.go:1: bridge may not import example.net/x",
			},
		},
		{
			name:  "a way around a ban",
			files: map[string]string{"bridge/bridge.go": `package bridge; import "example.org/m/example"`},
			want:  []string{`product/shell: reaches bridge -> example, against "never product/... imports example/... but example/words"`},
		},
		{
			name:  "a package that is banned everywhere",
			files: map[string]string{"cmd/tool/second.go": `package main; import "example.org/m/cmd/tool2"`, "cmd/tool2/x.go": `package tool2`},
			want: []string{
				"cmd/tool2: has no line in the policy",
				`cmd/tool: reaches cmd/tool2, against "never ... imports cmd/..."`,
			},
		},
		{
			name:  "a pure package that imports a shell",
			files: map[string]string{"product/core/core.go": `package core; import "example.org/m/product/shell"`},
			want: []string{
				"product/core/core.go:1: product/core is pure and imports product/shell, which is not",
			},
		},
		{
			name:  "a pure package that imports the world",
			files: map[string]string{"product/core/core.go": "package core\nimport `os`\nimport `sync`\nimport `example.com/amqp`\nimport . `time`"},
			want: []string{
				"product/core/core.go:2: product/core is pure and imports os",
				"product/core/core.go:3: product/core is pure and imports sync",
				"product/core/core.go:4: product/core is pure and imports example.com/amqp",
				"product/core/core.go:5: product/core is pure and imports time without a name",
			},
		},
		{
			name:  "a pure package that does things",
			files: map[string]string{"product/core/core.go": "package core; import clock `time`\nfunc f() { go f(); select {} }\nvar c chan int\nvar now = clock.Now\nfunc g() { println() }"},
			want: []string{
				"product/core/core.go:2: product/core is pure and has a go statement",
				"product/core/core.go:2: product/core is pure and has a select statement",
				"product/core/core.go:3: product/core is pure and has a channel",
				"product/core/core.go:4: product/core is pure and has time.Now",
				"product/core/core.go:5: product/core is pure and has println",
			},
		},
		{
			name:  "a pure package behind a build tag",
			files: map[string]string{"product/core/core_plan9.go": "//go:build plan9\n\npackage core; import `net`"},
			want:  []string{"product/core/core_plan9.go:3: product/core is pure and imports net"},
		},
		{
			name:  "a name that says nothing",
			files: map[string]string{"example/example.go": `package util`, "example/e_test.go": `package util_test`},
			want: []string{
				"example/e_test.go: a package called util_test says nothing of what is in it",
				"example/example.go: a package called util says nothing of what is in it",
			},
		},
		{
			name:  "a long file",
			files: map[string]string{"example/example.go": "package example\n\n\n\n\n"},
			want:  []string{"example/example.go: has 6 lines, more than 5"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			module := smallModule()
			maps.Copy(module, mapFS(c.files))
			maps.DeleteFunc(module, func(_ string, f *fstest.MapFile) bool { return string(f.Data) == "\n" })
			got := judged(t, smallLaw, module)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("breaches (-want +got):\n%s", diff)
			}
		})
	}
}

func judged(t *testing.T, law string, module fstest.MapFS) []string {
	t.Helper()
	p, err := parsePolicy(law)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := load(module)
	if err != nil {
		t.Fatal(err)
	}
	return p.breaches(sources)
}

func TestPolicyThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"pure":                      "1: pure: nothing follows",
		"\n\nshall  x:":             "3: shall: unknown directive",
		"pure x y":                  "1: pure: no colon after x",
		"pure x:\nshell x: # again": "2: shell: x has two lines",
		"module m: |\nmodule m:":    "2: module: m has two lines",
		"never a b":                 "1: never: want PATTERN... imports PATTERN... [but PATTERN...]",
		"lines many":                `1: lines: strconv.Atoi: parsing "many": invalid syntax`,
	} {
		if _, err := parsePolicy(text); err == nil || err.Error() != want {
			t.Errorf("parsePolicy(%q) = %v, want %s", text, err, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	all := []string{"a", "a/b", "a/b/c", "ab"}
	for pattern, want := range map[string][]string{
		"a":       {"a"},
		"a/...":   {"a", "a/b", "a/b/c"},
		"a/b/...": {"a/b", "a/b/c"},
		"...":     all,
	} {
		got := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return !patterns{pattern}.match(p) })
		if !slices.Equal(got, want) {
			t.Errorf("%s matches %v, want %v", pattern, got, want)
		}
	}
}
