package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../docs/scenarios/scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instance(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Every file of the library, and what is generated, keeps to the schema.
func TestSchemaTakesWhatTheParserTakes(t *testing.T) {
	s := schema(t)
	files, err := filepath.Glob("../../docs/scenarios/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s: the first comment does not say what it proves", name)
		}
	}
	for seed := range uint64(20) {
		text, err := Format(Generate(seed, 6))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	for _, text := range []string{
		"services: {}\nsessions: {}",
		"services: {a: {dose: {wait: 1ms}}}\nsessions: {}\nexpect: silence",
		"services: {}\nsessions: {c: {wait: soon}}\nexpect: silence",
		"services: {}\nsessions: {c: {wait: 1ms, call: a}}\nexpect: silence",
		"services: {}\nsessions: {}\nexpect: noise",
		"services: {sessions: }\nsessions: {}\nexpect: silence",
		"services: {}\nsessions: {}\nfor: 1s..2s\nexpect: silence",
		"services: {}\nsessions: {}\nfor: 0s\nexpect: silence",
		"services: {}\nsessions: {}\nfaults: {at: 1s, partition: [], for: 1s}\nexpect: silence",
		"services: {}\nsessions: {}\nfaults: {at: 1s, kill: {process: []}}\nexpect: silence",
		"services: {}\nsessions: {}\nfaults: {at: 1s, pause: detector, for: 1s..2s}\nexpect: silence",
		"services: {}\nsessions: {}\nexpect: {cycle: []}",
		"services: {}\nsessions: {}\nexpect: {self: a, within: 1s..2s}",
		"services: {}\nsessions: {}\nexpect: {self: a, within: 0s}",
		"services: {}\nsessions: {}\nexpect: {self: a, at: 0s}",
	} {
		if s.Validate(instance(t, []byte(text))) == nil {
			t.Errorf("taken: %s", text)
		}
	}
}
