//go:build linux

package history

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// limited is set for the process whose files may not become large.
const limited = "WAITGRAPH_TEST_LIMITED"

// TestAFullDisk limits the size of files in the midst of a frame, in a process of
// its own. What was kept stays, and what did not fit is kept when there is room.
func TestAFullDisk(t *testing.T) {
	if os.Getenv(limited) == "" {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAFullDisk$", "-test.count=1") //nolint:gosec // this very program
		c.Env = append(os.Environ(), limited+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // so that it is an error as of a full disk
	name := path(t)
	synctest.Test(t, func(t *testing.T) {
		s := run(t, Config{File: name})
		s.add(crossing("v0", 1, 2))
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		limit(t, uint64(info.Size())*5/2) //nolint:gosec // never negative
		for i := 1; i < 5; i++ {
			time.Sleep(time.Second)
			s.add(crossing(fmt.Sprintf("v%d", i), 1, 2))
		}
		if !errors.Is(s.Err(), syscall.EFBIG) || s.dropped != 3 || len(s.trouble) != 3 {
			t.Errorf("%v, %d dropped, told %v", s.Err(), s.dropped, s.trouble)
		}
		if got := s.query(t, Query{}); !cmp.Equal(got, []string{"v1", "v0"}) {
			t.Errorf("kept %q", got)
		}
		limit(t, 1<<30)
		s.add(crossing("v9", 1, 2))
		s.stop()
		s = run(t, Config{File: name})
		defer s.stop()
		if got := s.query(t, Query{}); !cmp.Equal(got, []string{"v9", "v1", "v0"}) || s.Err() != nil || s.trouble != nil {
			t.Errorf("with room again: %q, %v, told %v", got, s.Err(), s.trouble)
		}
	})
}

func limit(t *testing.T, size uint64) {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
	l.Cur = min(size, l.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
		t.Fatal(err)
	}
}
