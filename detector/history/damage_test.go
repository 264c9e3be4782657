package history

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// TestDamagedFilesBreakNothing opens files of which blocks were never written, or
// the end. Whatever comes of it, it is an error at most.
func TestDamagedFilesBreakNothing(t *testing.T) {
	whole := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: whole})
		defer s.stop()
		for i := range 30 {
			s.Add(crossing(fmt.Sprintf("v%d", i), i, i+1))
			time.Sleep(time.Second)
		}
	})
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	chance := rand.New(rand.NewPCG(1, 2))
	told := 0
	const block = 4096
	for range 30 {
		damaged := slices.Clone(data)
		for range 1 + chance.IntN(4) {
			clear(damaged[chance.IntN(len(damaged)/block)*block:][:block])
		}
		if chance.IntN(4) == 0 {
			damaged = damaged[:chance.IntN(len(damaged))]
		}
		told += use(t, damaged)
	}
	if told == 0 {
		t.Error("no damage was noticed")
	}
}

// use does with a file what a detector does, and returns how often trouble was told.
func use(t *testing.T, data []byte) (told int) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		defer s.stop()
		_, _ = s.Query(t.Context(), Query{})
		_, _, _, _ = s.Get("v7")
		s.add(crossing("v7", 1, 2), crossing("w", 1, 2))
		s.Recall([]explain.Verdict{crossing("w", 1, 2).Verdict})
		_, _ = s.Query(t.Context(), Query{})
		told = len(s.trouble)
	})
	return told
}

// TestChangedBytesBreakNothing changes bytes here and there. Each record is as it
// was written, or is not there and its loss is told.
func TestChangedBytesBreakNothing(t *testing.T) {
	whole := path(t)
	const n = 30
	originals := map[string]explain.Proven{}
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: whole})
		defer s.stop()
		for i := range n {
			v := crossing(fmt.Sprintf("v%d", i), i, i+1)
			originals[v.ID] = v
			s.add(v)
			time.Sleep(time.Second)
		}
	})
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	name := path(t)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(150) {
		chance := rand.New(rand.NewPCG(seed, 0))
		damaged := slices.Clone(data)
		for range 1 + chance.IntN(20) {
			damaged[chance.IntN(len(damaged))] ^= byte(1 + chance.IntN(255))
		}
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			s := run(t, Config{File: name, Age: 100 * 365 * 24 * time.Hour})
			defer s.stop()
			s.add(crossing("w", 1, 2))
			p, err := s.Query(t.Context(), Query{Limit: MaxLimit})
			if err != nil || len(p.Deadlocks) == n+1 && s.trouble == nil {
				t.Errorf("seed %d: %d kept, %v; told %v", seed, len(p.Deadlocks), err, s.trouble)
			}
			for _, d := range p.Deadlocks {
				if v, ok := originals[d.ID]; ok && !cmp.Equal(d.Verdict, v.Verdict) {
					t.Errorf("seed %d: not as it was written: %s", seed, cmp.Diff(v.Verdict, d.Verdict))
				}
			}
		})
	}
}

// TestAFileThatIsChangedUnderTheDetector cuts the file, and then moves it away.
func TestAFileThatIsChangedUnderTheDetector(t *testing.T) {
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		defer s.stop()
		s.add(crossing("v1", 1, 2))
		if err := os.Truncate(name, 100); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Query(t.Context(), Query{}); err != nil || len(p.Deadlocks) != 0 || len(s.trouble) != 1 {
			t.Errorf("read %+v, %v; told %v", p, err, s.trouble)
		}
		if _, _, ok, err := s.Get("v1"); ok || !errors.Is(err, errDamaged) {
			t.Errorf("got it: %v", err)
		}
		s.add(crossing("v2", 1, 2))
		if got := s.query(t, Query{}); !cmp.Equal(got, []string{"v2"}) || s.Err() != nil || len(s.trouble) != 2 {
			t.Errorf("after it was cut: %q, %v, told %v", got, s.Err(), s.trouble)
		}
		if err := os.Rename(name, name+".old"); err != nil {
			t.Fatal(err)
		}
		s.add(crossing("v3", 1, 2))
		if got := s.query(t, Query{}); !cmp.Equal(got, []string{"v3"}) || s.Err() != nil || s.dropped != 0 {
			t.Errorf("after it was moved: %q, %v, %d dropped", got, s.Err(), s.dropped)
		}
	})
}

// killed is set for the process that TestKill kills.
const killed = "WAITGRAPH_TEST_HISTORY"

// TestKill kills a process while it writes, again and again: what it has said to
// be kept is there.
func TestKill(t *testing.T) {
	if name := os.Getenv(killed); name != "" {
		writeForEver(name)
	}
	name := path(t)
	kept := 0
	for range 4 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$") //nolint:gosec // this very program
		c.Env = append(os.Environ(), killed+"="+name)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var last string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if last = lines.Text(); strings.HasSuffix(last, "9") {
				break
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // it was killed
		synctest.Test(t, func(t *testing.T) {
			s := run(t, Config{File: name})
			defer s.stop()
			if _, _, ok, err := s.Get(last); !ok {
				t.Errorf("%q is lost: %v", last, err)
			}
			p, err := s.Query(t.Context(), Query{Limit: MaxLimit, Since: time.Unix(1, 0)})
			if err != nil || len(p.Deadlocks) < kept+9 || s.Err() != nil {
				t.Errorf("%d kept: %v, %v", len(p.Deadlocks), err, s.Err())
			}
			kept = len(p.Deadlocks)
		})
	}
}

// writeForEver keeps one deadlock after the other, and says so.
func writeForEver(name string) {
	s := New(Config{File: name, Age: 100 * 365 * 24 * time.Hour, Size: 16 << 20, Dropped: func() {}, Trouble: func(err error) { panic(err) }})
	s.open()
	for i := range 1000 {
		v := crossing(fmt.Sprintf("v%d.%d", time.Now().UnixNano(), i), i, i)
		v.Suspected = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(time.Now().UnixNano()) % time.Hour) // as a bubble has it
		s.write([]explain.Proven{v})
		fmt.Println(v.ID)
	}
}
