package scenario

import (
	"os"
	"path/filepath"
	"testing"
)

// library returns the shipped scenarios.
func library(t *testing.T) []*Scenario {
	t.Helper()
	files, err := filepath.Glob("../../docs/scenarios/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("the library has %d files: %v", len(files), err)
	}
	var all []*Scenario
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(name, data)
		if err != nil {
			t.Error(err)
			continue
		}
		all = append(all, s)
	}
	return all
}
