package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var begun = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// subject is a detector that is recorded.
type subject struct {
	*Recorder
	machine *detector.Detector
	now     time.Time

	dropped int
	trouble []error
	ended   chan error
}

func newSubject(dir string, most int64) *subject {
	s := &subject{machine: detector.New(detector.DefaultConfig()), now: begun, ended: make(chan error, 1)}
	s.Recorder = New(Config{
		Dir: dir, MaxBytes: most, Detector: detector.DefaultConfig(),
		Dropped: func() { s.dropped++ }, Trouble: func(err error) { s.trouble = append(s.trouble, err) },
	})
	return s
}

func (s *subject) start() { go func() { s.ended <- s.Run() }() }

func (s *subject) step(e detector.Event) []detector.Effect {
	s.now = s.now.Add(time.Millisecond)
	s.Event(s.now, e, 0)
	return s.announce(s.machine.Step(s.now, e))
}

func (s *subject) tick(n int) {
	for range n {
		s.now = s.now.Add(20 * time.Millisecond)
		s.Tick(s.now)
		s.announce(s.machine.Tick(s.now))
	}
}

func (s *subject) announce(effects []detector.Effect) []detector.Effect {
	for _, e := range effects {
		if a, ok := e.(detector.Announce); ok {
			s.Announce(s.now, a)
		}
	}
	return effects
}

func (s *subject) stop(t *testing.T) {
	t.Helper()
	s.Close()
	if err := <-s.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// deadlock has two processes wait for each other for a while: it is suspected,
// confirmed, repeated and resolved.
func (s *subject) deadlock() {
	a := report.Agent{Name: "a", Incarnation: 7}
	state := func(p string, waits, holds report.Resource) report.State {
		return report.State{
			Key: report.Key{Agent: a, Process: p, Activation: 1}, Epoch: 1, Seq: 1, Need: 1,
			Waits: []report.Wait{{Resource: waits, Kind: report.Reply, Since: s.now, Deadline: s.now.Add(5 * time.Second)}},
			Holds: []report.Hold{{Resource: holds, Kind: report.Reply}},
		}
	}
	b := &report.Batch{Agent: a, Service: "s", States: []report.State{state("p", "r1", "r2"), state("q", "r2", "r1")}}
	for _, e := range s.step(detector.Reported{Batch: b}) {
		if ask, ok := e.(detector.Ask); ok {
			answer := *b
			answer.Answer = &report.Answer{Round: ask.Question.Round}
			s.step(detector.Unreachable{Agent: report.Agent{Name: "b", Incarnation: 1}, Round: 1})
			s.step(detector.QueueCounted{Queue: "q", Round: 1, Consumers: 1, Err: "no such queue"})
			s.step(detector.Reported{Batch: &answer})
		}
	}
	s.tick(60)
	over := *b
	over.States = []report.State{{Key: b.States[0].Key, Epoch: 1, Seq: 2, Ended: &report.End{Epoch: 1, Cause: report.TimedOut}}}
	s.step(detector.Reported{Batch: &over})
	s.tick(5)
}

// play replays all files of a folder, and returns what it came upon.
func play(t *testing.T, dir string) (r Result, announced []detector.Announce, notes []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	r, err = Replay(paths, Player{
		Announced: func(_ time.Time, a detector.Announce) { announced = append(announced, a) },
		Noted:     func(words string) { notes = append(notes, words) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, announced, notes
}

func TestReplayGivesWhatWasRecorded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	for range 2 { // recordings
		s := newSubject(dir, DefaultMaxBytes)
		s.start()
		s.deadlock()
		s.stop(t)
	}
	r, announced, notes := play(t, dir)
	if d := cmp.Diff(Result{Recordings: 2, Events: 140, Announcements: 8, Compared: 8}, r); d != "" || notes != nil {
		t.Errorf("-want +got:\n%s%q", d, notes)
	}
	var statuses []detector.Status
	for _, a := range announced[:4] {
		statuses = append(statuses, a.Verdict.Status)
	}
	want := []detector.Status{detector.Suspected, detector.Confirmed, detector.Confirmed, detector.Resolved}
	if d := cmp.Diff(want, statuses); d != "" || announced[1].Verdict.Proof == nil || !announced[2].Again {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestEventsSurvive(t *testing.T) {
	a := report.Agent{Name: "a", Incarnation: 1 << 63}
	for _, e := range []detector.Event{
		detector.Reported{Batch: &report.Batch{Agent: a, Heartbeat: &report.Heartbeat{Seq: 1, Complete: true}}},
		detector.Unreachable{Agent: a, Round: 1<<64 - 1},
		detector.QueueCounted{Queue: "q", Round: 2, Consumers: 3, Ready: 4, Err: "e"},
	} {
		l, err := lineOf(begun, e)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		var read line
		if err := json.Unmarshal(data, &read); err != nil {
			t.Fatal(err)
		}
		got, err := read.event()
		if d := cmp.Diff(e, got); d != "" || err != nil || !read.At.Equal(begun) {
			t.Errorf("%v at %v, -want +got:\n%s", err, read.At, d)
		}
	}
}

// TestDifferencesAreSaid changes a recording.
func TestDifferencesAreSaid(t *testing.T) {
	for _, tt := range []struct {
		name, says string
		change     func(lines []string) []string
	}{
		{"another status", "recorded: \"", func(lines []string) []string {
			return replaced(lines, `"status":"confirmed"`, `"status":"suspected"`)
		}},
		{"another proof", "they differ in proof", func(lines []string) []string {
			return replaced(lines, `"seq":1`, `"seq":2`)
		}},
		{"an announcement less", "announced now, but not recorded: ", func(lines []string) []string {
			return without(lines, `"announced"`)
		}},
		{"an event less", "recorded, but not announced now: ", func(lines []string) []string {
			return without(lines, `"batch"`)
		}},
		{"a drop", "3 lines were dropped here", func(lines []string) []string {
			return append([]string{lines[0], `{"t":"2026-11-21T09:00:00Z","dropped":3}` + "\n"}, lines[1:]...)
		}},
		{"a cut", "is cut off", func(lines []string) []string {
			return append(lines, `{"t":"2026-`)
		}},
		{"no beginning", "files 1 to 1 of the recording are missing", func(lines []string) []string {
			return replaced(lines, `"file":1`, `"file":2`)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := newSubject(dir, DefaultMaxBytes)
			s.start()
			s.deadlock()
			s.stop(t)
			paths, _ := filepath.Glob(filepath.Join(dir, "*"))
			data, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Join(tt.change(strings.SplitAfter(string(data), "\n")), "")
			if err := os.WriteFile(paths[0], []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			r, _, notes := play(t, dir)
			if r.Different+r.Gaps == 0 || !strings.Contains(strings.Join(notes, "\n"), tt.says) {
				t.Errorf("%+v\n%s", r, strings.Join(notes, "\n"))
			}
		})
	}
}

// replaced changes the first line that has old.
func replaced(lines []string, old, by string) []string {
	for i := range lines {
		if strings.Contains(lines[i], old) {
			lines[i] = strings.Replace(lines[i], old, by, 1)
			break
		}
	}
	return lines
}

// without leaves out the first line that has text.
func without(lines []string, text string) []string {
	for i := range lines {
		if strings.Contains(lines[i], text) {
			return append(lines[:i:i], lines[i+1:]...)
		}
	}
	return lines
}

func TestWhatComesTooFastIsCounted(t *testing.T) {
	dir := t.TempDir()
	s := newSubject(dir, DefaultMaxBytes)
	s.tick(maxWaiting + 3)
	s.start()
	s.stop(t)
	r, _, notes := play(t, dir)
	if s.dropped != 3 || r.Events != maxWaiting || r.Gaps != 1 || !strings.Contains(notes[0], "3 lines were dropped") {
		t.Errorf("%d dropped, %+v %q", s.dropped, r, notes)
	}
}

func TestWhatWaitsIsBoundedInBytes(t *testing.T) {
	dir := t.TempDir()
	s := newSubject(dir, DefaultMaxBytes)
	const each = maxWaitingBytes / 4
	for range 6 {
		s.Event(s.now, detector.Unreachable{}, each)
	}
	s.tick(1)
	s.start()
	s.stop(t)
	r, _, notes := play(t, dir)
	if s.dropped != 2 || r.Events != 4+1 || !strings.Contains(notes[0], "2 lines were dropped") || !s.records.Room.TryAcquire(maxWaitingBytes) {
		t.Errorf("%d dropped, %+v %q", s.dropped, r, notes)
	}
}

func TestWhatIsTooLargeIsCounted(t *testing.T) {
	dir := t.TempDir()
	s := newSubject(dir, MinMaxBytes)
	s.start()
	for range 10 {
		s.step(detector.QueueCounted{Queue: strings.Repeat("q", MinMaxBytes/parts)})
	}
	s.tick(1)
	s.stop(t)
	if s.dropped != 10 || s.trouble != nil {
		t.Errorf("%d dropped, %v", s.dropped, s.trouble)
	}
	if r, _, notes := play(t, dir); r.Gaps == 0 || r.Events != 1 {
		t.Errorf("%+v %q", r, notes)
	}
	if s.files.number != 1 {
		t.Errorf("%d files were begun for what fits into none", s.files.number)
	}
}

// fullDisk takes so many bytes and no more.
type fullDisk struct{ left int }

var errFull = errors.New("no space left on device")

func (f *fullDisk) Write(data []byte) (int, error) {
	n := min(len(data), f.left)
	f.left -= n
	if n < len(data) {
		return n, errFull
	}
	return n, nil
}

func (*fullDisk) Close() error { return nil }

func TestFullDiskEndsTheRecordingAlone(t *testing.T) {
	s := newSubject(t.TempDir(), DefaultMaxBytes)
	s.files.create = func(string) (io.WriteCloser, error) { return &fullDisk{1000}, nil }
	s.start()
	s.tick(2000)
	for !s.stopped.Load() {
		time.Sleep(time.Millisecond)
	}
	s.tick(maxWaiting + 1)
	s.stop(t)
	if len(s.trouble) != 1 || !errors.Is(s.trouble[0], errFull) || s.dropped > 0 {
		t.Errorf("%v, %d dropped", s.trouble, s.dropped)
	}
}

func TestNowhereToRecord(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSubject(filepath.Join(file, "dir"), DefaultMaxBytes)
	if err := s.Run(); err == nil {
		t.Error("it records nowhere")
	}
	s.tick(1)
	s.Close()
	var none *Recorder
	none.Tick(begun)
	none.Close()
}

func TestWhatIsNoRecording(t *testing.T) {
	for i, content := range []string{"", "{}\n", "[]\n", `{"start":{}}` + "\n" + `{"what":1}` + "\n", `{"start":{}}` + "\n" + `{"batch":"AAAA"}` + "\n"} {
		file := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Replay([]string{file}, Player{Noted: func(string) {}}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := Replay([]string{"/nowhere/at/all"}, Player{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestLinesMayBeLong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "long")
	long := []byte(`{"start":{"recording":"` + strings.Repeat("x", 3<<20) + `","file":1}}` + "\n")
	if err := os.WriteFile(file, long, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Replay([]string{file}, Player{}); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, bytes.Repeat([]byte("x"), maxLine+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Replay([]string{file}, Player{}); err == nil {
		t.Error("a line without an end is taken")
	}
}
