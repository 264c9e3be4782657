package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/report"
)

// exhausted returns deadlocks of a pool of n workers, each of which needs a reply
// that any of them could give.
func exhausted(n, deadlocks int) []detector.Verdict {
	workers, core := make([]report.Key, n), make([]detector.Member, n)
	for i := range workers {
		workers[i] = report.Key{Agent: report.Agent{Name: fmt.Sprintf("orders-7d9f8b6c5-%04d", i), Incarnation: 1 << 60}, Process: fmt.Sprintf("orders.consumer@%d", i), Activation: 1}
	}
	for i := range core {
		w := report.Wait{Resource: report.Resource(fmt.Sprintf("orders/reply/%d", i)), Kind: report.Reply, Since: time.Now(), Destination: report.Destination{Key: "orders.place"}}
		core[i] = detector.Member{Key: workers[i], Service: "orders", Need: 1, Waits: []detector.Edge{{Wait: w, Queue: "orders.place", Holders: workers}}}
	}
	all := make([]detector.Verdict, deadlocks)
	for i := range all {
		all[i] = detector.Verdict{ID: fmt.Sprint(i), Kind: detector.Knot, Status: detector.Confirmed, Suspected: time.Now().Add(time.Duration(i) * time.Second), Core: core}
	}
	return all
}

// TestAnswersAboutLargePoolsAreBounded asks what stands and, page by page, what has
// ended when a large pool deadlocks again and again.
func TestAnswersAboutLargePoolsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const standing, ended, roomy = 20, 50, 3 * history.MaxBytes
		m := &fakeMachine{verdicts: exhausted(500, standing)}
		s := &sidecar{}
		s.owner, _ = startOwner(t, m, new(fakeReach))
		for _, v := range exhausted(500, ended) {
			v.ID, v.Status = "past "+v.ID, detector.Resolved
			s.past.add(explain.OfProven(v, time.Now()))
		}
		h, past, next := httpapi.NewHandler(s, http.NotFoundHandler()), 0, ""
		for pages := 1; pages == 1 || next != ""; pages++ {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/deadlocks?cursor="+next, nil))
			size := w.Body.Len()
			var d httpapi.Deadlocks
			if err := json.NewDecoder(w.Body).Decode(&d); err != nil || size > roomy || len(d.Past) == 0 {
				t.Fatalf("page %d: %d bytes, %d past: %v", pages, size, len(d.Past), err)
			}
			first, last := d.Standing[0], d.Standing[len(d.Standing)-1]
			if len(d.Standing) != standing || len(first.Core) != 500 || len(last.Core) != 0 || last.CoreCount != 500 || last.Fingerprint != first.Fingerprint {
				t.Errorf("%d standing, the last with %d of %d processes", len(d.Standing), len(last.Core), last.CoreCount)
			}
			past, next = past+len(d.Past), d.Next
		}
		if kept := len(s.past.verdicts); past != kept || kept == ended {
			t.Errorf("%d past on all pages, %d kept", past, kept)
		}
	})
}

func TestAllThatStandIsCounted(t *testing.T) {
	const more = 5
	s := &sidecar{}
	s.owner, _ = startOwner(t, &fakeMachine{verdicts: exhausted(1, httpapi.MaxStanding+more)}, new(fakeReach))
	for _, q := range []history.Query{{}, {Service: "orders"}} {
		d, err := s.Deadlocks(t.Context(), q)
		if err != nil || len(d.Standing) != httpapi.MaxStanding || d.StandingCount != httpapi.MaxStanding+more {
			t.Errorf("%+v: %d of %d standing: %v", q, len(d.Standing), d.StandingCount, err)
		}
	}
}

// late is a context that ends as soon as the owner has answered.
type late struct{ context.Context } //nolint:containedctx // it is one

func (late) Done() <-chan struct{} { return nil }
func (late) Err() error            { return context.DeadlineExceeded }

func TestExplainingEndsWithItsTime(t *testing.T) {
	s := &sidecar{}
	s.owner, _ = startOwner(t, &fakeMachine{verdicts: exhausted(2, 1)}, new(fakeReach))
	if d, err := s.Deadlocks(late{t.Context()}, history.Query{}); !errors.Is(err, errBusy) {
		t.Errorf("%v, %+v", err, d)
	}
}
