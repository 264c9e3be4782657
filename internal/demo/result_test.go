package demo

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// Every name in the JSON object is explained in the documentation, and every
// name explained there exists.
func TestJSONIsDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/demo.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for line := range strings.Lines(string(data)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			for name := range strings.SplitSeq(cells[1], ",") {
				if name, ok := strings.CutPrefix(strings.TrimSpace(name), "`"); ok {
					documented[strings.TrimSuffix(name, "`")] = true
				}
			}
		}
	}
	for name := range jsonNames(reflect.TypeFor[Result]()) {
		if !documented[name] {
			t.Errorf("%q is not documented", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("%q is documented but does not exist", name)
	}
}

// jsonNames returns the names of the members of a struct and of all structs in it.
func jsonNames(t reflect.Type) map[string]bool {
	names := make(map[string]bool)
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[explain.Verdict]() {
		return names // a verdict's form is documented where it is defined
	}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		names[name] = true
		for inner := range jsonNames(field.Type) {
			names[inner] = true
		}
	}
	return names
}

// Lists are never null, whatever happened.
func TestJSONHasEmptyLists(t *testing.T) {
	var b bytes.Buffer
	r := &Result{Phases: []Phase{newPhase(scene{}, Bare)}}
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") || !json.Valid(b.Bytes()) {
		t.Errorf("wrote %s", b.String())
	}
}
