package detector

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waitgraph/waitgraph/detector/report"
)

func TestLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var nodes []*node
		for range rapid.IntRange(0, 20).Draw(t, "nodes") {
			nodes = append(nodes, &node{key: report.Key{Process: fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "process"))}})
		}
		few := rapid.IntRange(1, 10).Draw(t, "few")
		want := slices.SortedFunc(slices.Values(nodes), compareNodes)
		want = want[:min(few, len(want))]
		same := func(a, b *node) bool { return compareNodes(a, b) == 0 }
		if got := least(nodes, few); !slices.EqualFunc(got, want, same) {
			t.Fatalf("%d nodes, not the least %d of %d", len(got), len(want), len(nodes))
		}
	})
}
