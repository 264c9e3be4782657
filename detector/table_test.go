package detector

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// A table is a map, whatever its size.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got table[int, string]
		want := make(map[int]string)
		keys := rapid.IntRange(0, 2*maxFew)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, v := keys.Draw(t, "key"), rapid.String().Draw(t, "value")
				got.put(k, v)
				want[k] = v
			},
			"remove": func(t *rapid.T) {
				k := keys.Draw(t, "key")
				got.remove(k)
				delete(want, k)
			},
			"": func(t *rapid.T) {
				if all := maps.Collect(got.all()); !maps.Equal(all, want) || got.len() != len(want) {
					t.Fatalf("%v of %d, want %v", all, got.len(), want)
				}
				for k := range 2*maxFew + 1 {
					v, ok := got.get(k)
					if w, has := want[k]; v != w || ok != has || got.has(k) != has {
						t.Fatalf("%d is %q (%v), want %q (%v)", k, v, ok, w, has)
					}
				}
			},
		})
	})
}
