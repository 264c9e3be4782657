package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	circle = `# Two services that call each other.
services:
  a: {does: {call: b}}
  b: {does: {call: a}}
sessions:
  client: {call: a}
expect: `
	holds   = circle + "[{cycle: [a, b], behind: [client], within: 100ms}]\n"
	differs = circle + "silence\n"
	// rarely deadlocks only where two waits happen to end at the same time.
	rarely = `locks: [l, m]
services:
  a: {does: {lock: l, do: {lock: m, do: {wait: 1ms}}}}
  b: {does: {lock: m, do: {lock: l, do: {wait: 1ms}}}}
sessions:
  one: [{wait: 0s..100ms}, {call: a}]
  two: [{wait: 0s..100ms}, {call: b}]
expect: either
`
	never = "services: {a: }\nsessions: {client: {call: a}}\nexpect: either\n"
)

// outcome is what a command said, and its exit status.
type outcome struct {
	status         int
	stdout, stderr string
	dir            string // in which it ran
}

// demoIn runs a command in a folder with these files.
func demoIn(t *testing.T, files map[string]string, args ...string) outcome {
	t.Helper()
	cmd := command(t, args...)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return outcome{status: status(t, err), stdout: stdout.String(), stderr: stderr.String(), dir: cmd.Dir}
}

// is compares an outcome with the status, and with texts that it has to have in
// its standard output and error; without one there must be none.
func (o outcome) is(t *testing.T, status int, stdout, stderr []string) {
	t.Helper()
	has := func(text string, want []string) bool {
		for _, w := range want {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return len(want) > 0 || text == ""
	}
	if o.status != status || !has(o.stdout, stdout) || !has(o.stderr, stderr) {
		t.Errorf("status %d, said\n%s\n%s\nwant %d, %q, %q", o.status, o.stdout, o.stderr, status, stdout, stderr)
	}
}

func TestScenario(t *testing.T) {
	files := map[string]string{
		"holds.yaml": holds, "differs.yaml": differs,
		"wrong.yaml": "services:\n  a: {dose: 1}\nsessions: {c: {call: a}}\nexpect: silence\n",
		"worse.yaml": "services: {a: }\nsessions: {c: {call: b}}\nexpect: noise\n",
	}
	for name, test := range map[string]struct {
		args           []string
		status         int
		stdout, stderr []string
	}{
		"as expected": {
			args:   []string{"holds.yaml"},
			stdout: []string{"holds, seed 1: Two services that call each other.", "expected  cycle of a, b", "confirmed: cycle of a, b", "as expected"},
		},
		"otherwise": {
			args: []string{"differs.yaml"}, status: 1,
			stdout: []string{"expected  silence", "OTHERWISE silence was expected, and there was a deadlock of a, b, client"},
		},
		"one of two is otherwise": {
			args: []string{"differs.yaml", "holds.yaml"}, status: 1,
			stdout: []string{"differs, seed 1", "OTHERWISE", "holds, seed 1", "as expected"},
		},
		"another seed": {args: []string{"--seed=7", "holds.yaml"}, stdout: []string{"holds, seed 7"}},
		"malformed: nothing is played, all is told": {
			args: []string{"holds.yaml", "wrong.yaml", "worse.yaml"}, status: 1,
			stderr: []string{
				`wrong.yaml:2:7: unknown key "dose"; expected one of count, replicas`,
				`worse.yaml:2:22: there is no service "b"; expected a`,
				`worse.yaml:3:9: "noise" is not possible here; expected silence, either, or a list`,
			},
		},
		"no runs": {args: []string{"--runs=0", "holds.yaml"}, status: 1, stderr: []string{"0 runs would show nothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := demoIn(t, files, append([]string{"scenario", "--virtual"}, test.args...)...)
			got.is(t, test.status, test.stdout, test.stderr)
		})
	}
}

// The table has a line for each scenario. What went wrong is told in full before
// it, of the first run in which it did; what did not is not told.
func TestScenarioTable(t *testing.T) {
	got := demoIn(t, map[string]string{"holds.yaml": holds, "differs.yaml": differs}, "scenario", "--virtual", "--runs=20", "holds.yaml", "differs.yaml")
	got.is(t, 1, []string{"differs, seed 1", "OTHERWISE"}, nil)
	if strings.Contains(got.stdout, "holds, seed") {
		t.Errorf("a run is told of that went well:\n%s", got.stdout)
	}
	var table [][]string
	for line := range strings.Lines(got.stdout) {
		if fields := strings.Fields(line); len(table) > 0 || len(fields) > 0 && fields[0] == "scenario" {
			table = append(table, fields)
		}
	}
	want := []string{"scenario runs terminated deadlocked missed false not as expected p50 p99", "holds 20 0 20 0 0 0", "differs 20 0 20 0 0 20"}
	for i, w := range want {
		if i >= len(table) || !strings.HasPrefix(strings.Join(table[i], " "), w) {
			t.Errorf("line %d of the table is not %q:\n%s", i, w, got.stdout)
		}
	}
	if len(table) != len(want) {
		t.Errorf("the table has %d lines, not %d:\n%s", len(table), len(want), got.stdout)
	}
}

func TestScenarioTimeline(t *testing.T) {
	got := demoIn(t, map[string]string{"holds.yaml": holds}, "scenario", "--virtual", "--timeline=new/pictures", "holds.yaml")
	got.is(t, 0, []string{"as expected"}, nil)
	picture, err := os.ReadFile(filepath.Join(got.dir, "new", "pictures", "holds.svg"))
	if err != nil || !bytes.HasPrefix(picture, []byte("<svg ")) || !bytes.Contains(picture, []byte(">confirmed<")) {
		t.Errorf("%v, %s", err, picture)
	}
}

// What is made up depends on seed and size alone, and can be played.
func TestGenerate(t *testing.T) {
	generate := func(args ...string) string {
		got := demoIn(t, nil, append([]string{"generate"}, args...)...)
		got.is(t, 0, []string{"services:", "sessions:", "expect: either"}, nil)
		return got.stdout
	}
	first := generate("--seed=7", "--size=4")
	if again := generate("--seed=7", "--size=4"); again != first {
		t.Errorf("seed 7 twice:\n%s\n%s", first, again)
	}
	for _, args := range [][]string{{"--seed=8", "--size=4"}, {"--seed=7", "--size=5"}} {
		if generate(args...) == first {
			t.Errorf("%v makes up the same as --seed=7 --size=4", args)
		}
	}
	demoIn(t, map[string]string{"made-up.yaml": first}, "scenario", "--virtual", "made-up.yaml").is(t, 0, []string{"as expected"}, nil)
	for _, size := range []string{"0", "201"} {
		demoIn(t, nil, "generate", "--size="+size).is(t, 1, nil, []string{"size " + size + " is not from 1 to 200"})
	}
}

// What explore prints deadlocks as it says, and chance has no part in it.
func TestExplore(t *testing.T) {
	files := map[string]string{"rarely.yaml": rarely, "never.yaml": never, "wrong.yaml": "services: {a: {dose: 1}}\n"}
	found := demoIn(t, files, "explore", "rarely.yaml")
	found.is(t, 0, []string{"# This run of it deadlocks: a, b, one, two.", "cycle: [a, b]"}, nil)
	if again := demoIn(t, files, "explore", "rarely.yaml"); again != (outcome{stdout: found.stdout, dir: again.dir}) {
		t.Errorf("explored twice:\n%s\n%s", found.stdout, again.stdout)
	}
	played := demoIn(t, map[string]string{"found.yaml": found.stdout}, "scenario", "--virtual", "--runs=20", "--seed=1000", "found.yaml")
	played.is(t, 0, []string{"found"}, nil)

	demoIn(t, files, "explore", "--tries=5", "never.yaml").is(t, 0, nil, []string{"No deadlock in 5 tries, which proves nothing"})
	demoIn(t, files, "explore", "--tries=0", "never.yaml").is(t, 1, nil, []string{"0 tries would find nothing"})
	demoIn(t, files, "explore", "wrong.yaml").is(t, 1, nil, []string{`wrong.yaml:1:16: unknown key "dose"; expected one of`})
}
