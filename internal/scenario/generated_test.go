package scenario

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGenerated plays 10,000 made-up scenarios of growing size.
func TestGenerated(t *testing.T) {
	count := uint64(10_000)
	if raceDetector || testing.Short() {
		count /= 100
	}
	var deadlocked, next atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for seed := next.Add(1); seed <= count && !t.Failed(); seed = next.Add(1) {
				s := Generate(seed, 1+int(seed%8))
				r := Play(s, seed)
				if r.Deadlocked {
					deadlocked.Add(1)
				}
				if !r.Passed() {
					text, err := Format(s)
					t.Errorf("seed %d: missed %q, false %q, unexpected %q\n%s%v", seed, r.Missed, r.False, r.Unexpected, text, err)
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d of %d deadlocked", deadlocked.Load(), count)
	if d := deadlocked.Load(); d < count/20 || d > count*19/20 {
		t.Errorf("%d of %d deadlock, which shows too little", d, count)
	}
}

// What is generated can be written to a file, read, and is the same then.
func TestGeneratedFiles(t *testing.T) {
	for seed := range uint64(50) {
		s := Generate(seed, 1+int(seed%8))
		text, err := Format(s)
		if err != nil {
			t.Fatal(err)
		}
		read, err := Parse(s.Name+".yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if a, b := Play(s, 7), Play(read, 7); !cmp.Equal(a.Log, b.Log) {
			t.Fatalf("seed %d: read from its file it runs otherwise: %d log entries, %d\n%s", seed, len(a.Log), len(b.Log), text)
		}
	}
}

// A run can be repeated to the last event.
func TestRepeatable(t *testing.T) {
	s := Generate(3, 8)
	if diff := cmp.Diff(Play(s, 5).Log, Play(s, 5).Log); diff != "" {
		t.Error(diff)
	}
}
