package recording

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // recordings
		s := newSubject(dir, MinMaxBytes)
		s.start()
		for range 50 {
			s.tick(100)
			for len(s.records.C) > 0 {
				time.Sleep(time.Millisecond)
			}
		}
		s.stop(t)
		if s.dropped > 0 || s.trouble != nil {
			t.Errorf("%d dropped, %v", s.dropped, s.trouble)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if total > MinMaxBytes || total < MinMaxBytes/2 || len(entries) < parts/2 {
		t.Errorf("%d bytes in %d files", total, len(entries))
	}
	if r, _, notes := play(t, dir); r.Gaps != 1 || !strings.Contains(notes[0], "are missing") {
		t.Errorf("%+v %q", r, notes)
	}
}

// TestWhatIsRemovedFirst has recordings of which one was made while the clock was
// ahead, and files that are none.
func TestWhatIsRemovedFirst(t *testing.T) {
	const (
		past    = "20200101T000000.000000000Z"
		present = "20261121T090000.000000000Z"
		ahead   = "20360101T000000.000000000Z"
	)
	dir := filepath.Join(t.TempDir(), "rec[1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	call := func(recording string, number int) string {
		return fmt.Sprintf("waitgraph-%s-%06d.jsonl", recording, number)
	}
	f := files{dir: dir, recording: present, most: MinMaxBytes, create: create, number: 3_000_000}
	add := func(names ...string) {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, f.part()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	alien := []string{"waitgraph-notes.jsonl", "waitgraph-" + past + "-000001.jsonl.gz"}
	add(alien...)
	inOrder := []string{call(past, 2), call(ahead, 1), call(present, 3), call(present, 4), call(present, 999_999), call(present, 1_000_000)}
	add(inOrder...)
	for i := range parts - len(inOrder) {
		add(call(present, 2_000_000+i))
	}
	for _, gone := range inOrder {
		if _, err := os.Stat(filepath.Join(dir, gone)); err != nil {
			t.Errorf("too early: %v", err)
		}
		if err := f.next(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, gone)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is kept: %v", gone, err)
		}
		if err := errors.Join(f.write(make([]byte, f.part())), f.close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range alien {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
