package history

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/proof"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a store that runs, and what it has told.
type running struct {
	*Store
	trouble []error
	dropped int
	ended   chan struct{}
}

func run(t *testing.T, cfg Config) *running {
	t.Helper()
	if cfg.Age == 0 {
		cfg.Age = DefaultAge
	}
	if cfg.Size == 0 {
		cfg.Size = 16 << 20
	}
	r := &running{ended: make(chan struct{})}
	cfg.Dropped = func() { r.dropped++ }
	cfg.Trouble = func(err error) { r.trouble = append(r.trouble, err) }
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	r.Store = New(cfg)
	go func() { defer close(r.ended); r.Run() }()
	synctest.Wait()
	return r
}

// stop ends the store when all is written.
func (r *running) stop() { r.Close(); <-r.ended }

func (r *running) add(all ...explain.Proven) {
	for _, v := range all {
		r.Add(v)
	}
	synctest.Wait()
}

func (r *running) query(t *testing.T, q Query) []string {
	t.Helper()
	p, err := r.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, d := range p.Deadlocks {
		ids = append(ids, d.ID)
	}
	return ids
}

func path(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "sub", "history.db") }

// crossing is a deadlock of a server of each of two services, found now.
func crossing(id string, a, b int) explain.Proven {
	now := time.Now().UTC()
	server := func(service string, n int, asks string, m int) explain.Process {
		return explain.Process{Name: fmt.Sprintf("server_%s:%d", service, n), Service: "service_" + service, Need: 1, Waits: []explain.Wait{
			{Kind: "reply", Resource: id + service, Key: fmt.Sprintf("server_%s:%d", asks, m)},
		}}
	}
	return explain.Proven{
		Verdict: explain.Verdict{
			ID: id, Kind: detector.Cycle, Status: detector.Confirmed, Suspected: now, Confirmed: now,
			Core: []explain.Process{server("a", a, "b", b), server("b", b, "a", a)}, CoreCount: 2,
		},
		Proof: &proof.Proof{Round: 7, Replies: []string{id}},
	}
}

func resolved(v explain.Proven) explain.Proven {
	v.Status, v.Ended, v.Cause = detector.Resolved, time.Now().UTC(), "timeout"
	return v
}

func TestDeadlocksOutliveTheDetector(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		first := crossing("v1", 42, 42)
		s.add(first)
		time.Sleep(time.Second)
		s.add(resolved(first), crossing("v2", 7, 8))
		s.stop()

		s = run(t, Config{File: name})
		if got := s.query(t, Query{}); !cmp.Equal(got, []string{"v2", "v1"}) {
			t.Errorf("kept %q", got)
		}
		d, p, ok, err := s.Get("v1")
		if err != nil || !ok || d.Status != detector.Resolved || d.EndUnseen || p == nil || p.Round != 7 || d.Recurrence.Before != 0 {
			t.Errorf("%+v %+v %v %v", d, p, ok, err)
		}
		d, _, ok, err = s.Get("v2")
		if err != nil || !ok || d.Status != detector.Confirmed || !d.EndUnseen {
			t.Errorf("%+v %v %v", d, ok, err)
		}
		if want := (&Recurrence{1, first.Suspected, first.Suspected}); !cmp.Equal(d.Recurrence, want) {
			t.Errorf("recurrence %+v, want %+v", d.Recurrence, want)
		}
		if _, _, ok, err := s.Get("v3"); ok || err != nil {
			t.Errorf("there is a v3: %v", err)
		}
		if s.dropped != 0 || s.trouble != nil || s.Err() != nil {
			t.Errorf("dropped %d; %v; %v", s.dropped, s.trouble, s.Err())
		}
		s.stop()
	})
}

// TestTheSameDeadlockAgain is what a detector sees that was restarted under one.
func TestTheSameDeadlockAgain(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		defer s.stop()
		first := crossing("v1", 1, 2)
		s.add(first)
		time.Sleep(time.Second)
		again := crossing("v1", 1, 2)
		s.add(again, resolved(again))
		d, _, _, err := s.Get("v1")
		if err != nil || !d.Suspected.Equal(first.Suspected) || !d.Confirmed.Equal(first.Confirmed) || d.Recurrence.Before != 0 || d.Status != detector.Resolved {
			t.Errorf("%+v %v", d, err)
		}
		recalled := s.Recall([]explain.Verdict{again.Verdict, crossing("v2", 3, 4).Verdict})
		if recalled[0].Recurrence.Before != 0 || recalled[1].Recurrence.Before != 1 || recalled[1].Fingerprint != d.Fingerprint {
			t.Errorf("recalled %+v", recalled)
		}
	})
}

func TestSuspicionsAreNotKept(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		defer s.stop()
		v := crossing("v1", 1, 2)
		v.Status = detector.Suspected
		w := crossing("v2", 1, 2)
		w.Status = detector.Retracted
		s.add(v, w)
		if got := s.query(t, Query{}); len(got) != 0 {
			t.Errorf("kept %q", got)
		}
	})
}

func TestTheOldIsForgotten(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name, Age: 24 * time.Hour})
		defer s.stop()
		s.add(crossing("old", 1, 2))
		time.Sleep(23 * time.Hour)
		s.add(crossing("young", 3, 4))
		if got := s.query(t, Query{}); len(got) != 2 {
			t.Errorf("after 23 h: %q", got)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := s.query(t, Query{}); !cmp.Equal(got, []string{"young"}) {
			t.Errorf("after 25 h: %q", got)
		}
		if d := s.Recall([]explain.Verdict{crossing("next", 5, 6).Verdict})[0]; d.Recurrence.Before != 2 {
			t.Errorf("the pattern is forgotten: %+v", d.Recurrence)
		}
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if d := s.Recall([]explain.Verdict{crossing("next", 5, 6).Verdict})[0]; d.Recurrence.Before != 0 || s.Bytes() != 0 {
			t.Errorf("with nothing kept: %+v, %d bytes", d.Recurrence, s.Bytes())
		}
	})
}

func TestTheFileStaysInItsBounds(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name, Size: MinSize})
		noise := rand.NewChaCha8([32]byte{})
		const n = 250
		for i := range n {
			v := crossing(fmt.Sprintf("v%d", i), i, i)
			secret := make([]byte, i%97*500)
			_, _ = noise.Read(secret)
			v.Proof.Replies = append(v.Proof.Replies, hex.EncodeToString(secret))
			time.Sleep(time.Second)
			if s.Add(v); i%20 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		info, err := os.Stat(name)
		if err != nil || info.Size() > MinSize*2/3 {
			t.Errorf("the file has %d bytes; %v", info.Size(), err)
		}
		got := s.query(t, Query{})
		if len(got) < 20 || len(got) > n/2 || got[0] != fmt.Sprintf("v%d", n-1) || s.dropped > 0 || len(s.trouble) > 0 {
			t.Errorf("%d kept, the first %q; %d dropped, %d times trouble", len(got), got[0], s.dropped, len(s.trouble))
		}
		s.stop()

		s = run(t, Config{File: name, Size: MinSize})
		defer s.stop()
		if again := s.query(t, Query{}); !cmp.Equal(got, again) {
			t.Errorf("opened again: %s", cmp.Diff(got, again))
		}
	})
}

func TestQueriesAndPages(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		defer s.stop()
		start := time.Now()
		for i := range 10 {
			v := crossing(fmt.Sprintf("v%d", i), i, i)
			if i%2 == 0 {
				v = resolved(v)
			}
			if i == 3 {
				v.Core[0].Service = "service_c"
			}
			s.add(v)
			time.Sleep(time.Minute)
		}
		odd := Fingerprint(&explain.Verdict{})
		for _, tt := range []struct {
			q    Query
			want string
		}{
			{Query{}, "v9 v8 v7 v6 v5 v4 v3 v2 v1 v0"},
			{Query{Since: start.Add(7 * time.Minute)}, "v9 v8 v7"},
			{Query{Until: start.Add(2 * time.Minute)}, "v1 v0"},
			{Query{Since: start.Add(2 * time.Minute), Until: start.Add(4 * time.Minute)}, "v3 v2"},
			{Query{Status: detector.Resolved}, "v8 v6 v4 v2 v0"},
			{Query{Service: "service_c"}, "v3"},
			{Query{Process: "server_a:7"}, "v7"},
			{Query{Process: "server_a:7", Service: "service_c"}, ""},
			{Query{Fingerprint: odd}, ""},
		} {
			if got := strings.Join(s.query(t, tt.q), " "); got != tt.want {
				t.Errorf("%+v: %s, want %s", tt.q, got, tt.want)
			}
		}
		var pages []string
		q := Query{Limit: 4, Status: detector.Resolved}
		for {
			p, err := s.Query(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range p.Deadlocks {
				pages = append(pages, d.ID)
			}
			pages = append(pages, "|")
			if p.Next.String() == "" {
				break
			}
			var ok bool
			if q.After, ok = ParseCursor(p.Next.String()); !ok {
				t.Fatalf("cursor %q", p.Next)
			}
		}
		if got := strings.Join(pages, " "); got != "v8 v6 v4 v2 | v0 |" {
			t.Errorf("pages: %s", got)
		}
	})
}

func TestMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Deadlock
		for i := range 6 {
			all = append([]Deadlock{{Verdict: crossing(fmt.Sprint(i), i, i).Verdict}}, all...)
			time.Sleep(time.Second)
		}
		kept, remembered := []Deadlock{all[1], all[3], all[4]}, []Deadlock{all[0], all[2], all[3]}
		remembered[2].Status = detector.Resolved
		p := Merge(Query{Limit: 4}, Page{Deadlocks: kept}, remembered)
		var got []string
		for _, d := range p.Deadlocks {
			got = append(got, d.ID+string(d.Status))
		}
		if want := "5confirmed 4confirmed 3confirmed 2resolved"; strings.Join(got, " ") != want {
			t.Errorf("first page %q, want %s", got, want)
		}
		p = Merge(Query{Limit: 4, After: p.Next}, Page{Deadlocks: []Deadlock{all[4]}}, remembered)
		if len(p.Deadlocks) != 1 || p.Deadlocks[0].ID != "1" || p.Next.String() != "" {
			t.Errorf("second page %+v", p)
		}
	})
}

func TestWhatCannotBeOpenedIsTriedAgain(t *testing.T) {
	name := path(t)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Repeat("this is no store\n", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		defer s.stop()
		s.add(crossing("v1", 1, 2))
		if _, err := s.Query(t.Context(), Query{}); err == nil || s.Err() == nil || len(s.trouble) != 1 || s.dropped != 1 {
			t.Errorf("%v, %v, %v, dropped %d", err, s.Err(), s.trouble, s.dropped)
		}
		if d := s.Recall([]explain.Verdict{crossing("v1", 1, 2).Verdict}); len(d) != 1 || d[0].Recurrence != nil || d[0].Fingerprint == "" {
			t.Errorf("recalled %+v", d)
		}
		if err := os.Rename(name, name+".damaged"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryTime + 1)
		s.add(crossing("v2", 1, 2))
		if got := s.query(t, Query{}); !cmp.Equal(got, []string{"v2"}) || s.Err() != nil {
			t.Errorf("%q, %v", got, s.Err())
		}
	})
}

func TestOnlyOneDetectorHasTheFile(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		first := run(t, Config{File: name})
		second := run(t, Config{File: name})
		time.Sleep(2 * lockTime)
		synctest.Wait()
		if first.Err() != nil || second.Err() == nil || errors.Is(second.Err(), ErrOpening) {
			t.Errorf("%v; %v", first.Err(), second.Err())
		}
		first.stop()
		time.Sleep(retryTime + lockTime)
		synctest.Wait()
		if second.Err() != nil {
			t.Error(second.Err())
		}
		second.stop()
	})
}

func TestAddNeverBlocks(t *testing.T) {
	dropped := 0
	s := New(Config{Dropped: func() { dropped++ }})
	for range maxWaiting + 3 {
		s.Add(crossing("v", 1, 2))
	}
	if dropped != 3 {
		t.Errorf("%d dropped", dropped)
	}
}
