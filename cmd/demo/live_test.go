package main

import "testing"

// Without --virtual a scenario is played on services.
func TestScenarioOnServices(t *testing.T) {
	files := map[string]string{
		"calm.yaml": "services: {a: {does: {wait: 1ms}}}\nsessions: {s: {call: a}}\nexpect: silence\n",
		"stuck.yaml": `# It waits for itself.
services: {a: {does: {call: a, timeout: 500ms}}}
sessions: {s: {call: a, timeout: 1s}}
expect: silence
`,
	}
	for name, test := range map[string]struct {
		args   []string
		status int
		stdout []string
	}{
		"as expected": {args: []string{"calm.yaml"}, stdout: []string{"calm, seed 1", "in truth  no deadlock; all sessions came to an end", "as expected"}},
		"otherwise, in one of two": {
			args: []string{"--runs=2", "calm.yaml", "stuck.yaml"}, status: 1,
			stdout: []string{"stuck, seed 1: It waits for itself.", "confirmed: self of a", "a crashed", "OTHERWISE silence was expected", "not as expected"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			demoIn(t, files, append([]string{"scenario"}, test.args...)...).is(t, test.status, test.stdout, nil)
		})
	}
}
