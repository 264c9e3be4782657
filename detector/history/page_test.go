package history

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// large is a deadlock of which three fill a page.
func large(id string) explain.Proven {
	v := crossing(id, 1, 2)
	v.Sentences = []string{strings.Repeat("waits ", MaxBytes/3/len("waits "))}
	return v
}

// turned returns the pages that one gets by following the cursors from the first on.
func turned(t *testing.T, page func(after Cursor) Page) []string {
	t.Helper()
	var pages []string
	for after := (Cursor{}); ; {
		p := page(after)
		ids := []string{}
		for _, d := range p.Deadlocks {
			ids = append(ids, d.ID)
		}
		pages = append(pages, strings.Join(ids, " "))
		if p.Next.String() == "" {
			return pages
		}
		after = p.Next
	}
}

func TestPagesOfLargeDeadlocksAreShort(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		defer s.stop()
		var remembered []explain.Verdict
		for i := range 7 {
			v := large(fmt.Sprintf("v%d", i))
			s.add(v)
			remembered = append(remembered, v.Verdict)
			time.Sleep(time.Minute)
		}
		want := []string{"v6 v5 v4", "v3 v2 v1", "v0"}
		kept := func(ctx context.Context) func(after Cursor) Page {
			return func(after Cursor) Page {
				p, err := s.Query(ctx, Query{After: after})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
		}
		if d := cmp.Diff(want, turned(t, kept(t.Context()))); d != "" {
			t.Errorf("kept (-want +got):\n%s", d)
		}
		merged := turned(t, func(after Cursor) Page { return Merge(Query{After: after}, Page{}, Bare(remembered)) })
		if d := cmp.Diff(want, merged); d != "" {
			t.Errorf("remembered (-want +got):\n%s", d)
		}
		both := turned(t, func(after Cursor) Page {
			return Merge(Query{After: after}, kept(t.Context())(after), Bare(remembered[4:]))
		})
		if d := cmp.Diff(want, both); d != "" {
			t.Errorf("both (-want +got):\n%s", d)
		}
		late, cancel := context.WithCancel(t.Context())
		cancel()
		if got := turned(t, kept(late)); len(got) != 7 || got[0] != "v6" {
			t.Errorf("when there is no time: %q", got)
		}
	})
}

// TestOnlySoMuchWaits adds what there is no room for before the store runs, and
// again when all is written.
func TestOnlySoMuchWaits(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		dropped := 0
		s := New(Config{File: name, Age: DefaultAge, Size: DefaultSize, Dropped: func() { dropped++ }})
		v := large("v1")
		fit := maxWaitingBytes / v.Size()
		for range fit + 3 {
			s.Add(v)
		}
		if dropped != 3 {
			t.Errorf("%d of %d dropped", dropped, fit+3)
		}
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run() }()
		synctest.Wait()
		s.Add(v)
		s.Close()
		<-ended
		if dropped != 3 || !s.waiting.Room.TryAcquire(maxWaitingBytes) {
			t.Errorf("%d dropped, or not all room is given back", dropped)
		}
	})
}
