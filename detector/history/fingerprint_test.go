package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

func TestFamilies(t *testing.T) {
	for name, want := range map[string]string{
		"server_a:42": "server_a", "service_a.consumer@2": "service_a.consumer", "stock.reserve": "stock.reserve",
		"worker-17.b": "worker-*.b", "order/3f2504e0-4f89-41d3-9a0c-0305e82c3301": "order/*-*f*-*d*-*a*c-*",
		"deadbeef": "deadbeef", "deadbeef1": "*", ":odd": ":odd", "": "", "größe٣": "größe*",
	} {
		if got := family(name); got != want {
			t.Errorf("%q is of the family %q, want %q", name, got, want)
		}
	}
}

func TestFingerprintsOfRingsHaveNoBeginning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, 2), 1, 12).Draw(t, "ring")
		v := explain.Verdict{Kind: detector.Cycle}
		for i, k := range kinds {
			v.Core = append(v.Core, explain.Process{
				Name: fmt.Sprintf("server:%d", i), Service: fmt.Sprint(k), Waits: []explain.Wait{{Kind: "lock", Resource: fmt.Sprintf("lock_%d", i)}},
			})
		}
		want := Fingerprint(&v)
		by := rapid.IntRange(0, len(kinds)).Draw(t, "by")
		v.Core = slices.Concat(v.Core[by:], v.Core[:by])
		if got := Fingerprint(&v); got != want {
			t.Errorf("%s, and %s when it begins elsewhere", want, got)
		}
	})
}

func TestLeastRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 1, 10).Draw(t, "ring")
		var least string
		for i := range ring {
			if r := strings.Join(slices.Concat(ring[i:], ring[:i]), ""); least == "" || r < least {
				least = r
			}
		}
		if got := strings.Join(leastRotation(ring), ""); got != least {
			t.Errorf("%q, want %q", got, least)
		}
	})
}

func TestLargeKnotsAreOfThePatternOfSmallOnes(t *testing.T) {
	v := crossing("v", 1, 2).Verdict
	v.Kind = detector.Knot
	small := Fingerprint(&v)
	another := v.Core[0]
	another.Waits, another.WaitCount = nil, len(another.Waits)
	v.Core = append(v.Core, another)
	if large := Fingerprint(&v); large != small {
		t.Errorf("%s, and %s with one of whom nothing is told", small, large)
	}
}

func TestDifferentPatternsDiffer(t *testing.T) {
	one := crossing("v", 1, 2).Verdict
	seen := map[string]string{Fingerprint(&one): "two services"}
	for what, change := range map[string]func(v *explain.Verdict){
		"another service":   func(v *explain.Verdict) { v.Core[0].Service = "service_c" },
		"another operation": func(v *explain.Verdict) { v.Core[0].Waits[0].Key = "stock.reserve" },
		"a lock":            func(v *explain.Verdict) { v.Core[0].Waits[0].Kind = "lock" },
		"a knot":            func(v *explain.Verdict) { v.Kind = detector.Knot },
		"one more":          func(v *explain.Verdict) { v.Core = append(v.Core, v.Core[0]) },
	} {
		v := crossing("v", 1, 2).Verdict
		change(&v)
		f := Fingerprint(&v)
		if other, ok := seen[f]; ok {
			t.Errorf("%s is the same as %s", what, other)
		}
		seen[f] = what
	}
	pool := explain.Verdict{Kind: detector.Knot}
	for i := range 8 {
		pool.Core = append(pool.Core, explain.Process{Name: fmt.Sprintf("worker@%d", i), Service: "pool"})
	}
	smaller := pool
	smaller.Core = pool.Core[:7]
	if Fingerprint(&pool) != Fingerprint(&smaller) {
		t.Error("a pool of seven is another than one of eight")
	}
}
