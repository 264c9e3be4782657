package simulation

import (
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector"
)

// TestNoPhantomNoMiss holds the detector to its two promises in thousands of
// random worlds: 10 million events, of which the race detector, to whom a
// single-threaded world has nothing to show, sees a twentieth.
func TestNoPhantomNoMiss(t *testing.T) {
	events := uint64(10_000_000)
	if raceDetector || testing.Short() {
		events /= 20
	}
	total := Sweep(1, events, runtime.GOMAXPROCS(0), func(s *Score) bool {
		for _, m := range s.Unknowable {
			t.Logf("seed %d: nobody could know better: %v", s.Seed, m)
		}
		if o := RandomOptions(s.Seed); s.Contradicted > len(s.Unknowable) && o.Strangers+o.Leavers == 0 {
			t.Errorf("seed %d: the detector takes back what no stranger has undone, nor one who came and went", s.Seed)
		}
		if s.Wrong() {
			fail(t, Case{Seed: s.Seed, Options: RandomOptions(s.Seed)})
		}
		return !t.Failed()
	})
	t.Log(&total)
	if total.Confirmed < int(events/500) || total.Stood < int(events/1500) {
		t.Error("too few deadlocks came about to show anything")
	}
	if late := total.Delay(99); late >= 250*time.Millisecond {
		t.Errorf("one in a hundred verdicts is confirmed later than %v", late)
	}
	if total.Unknowable > 5+total.Confirmed/5000 {
		t.Error("more verdicts are excused than the rare case allows that is meant")
	}
}

// fail reports a case that goes wrong as small as it can be made.
func fail(t *testing.T, c Case) {
	t.Helper()
	c = Shrink(c)
	s := c.Run()
	file := "nothing could be written"
	if name, err := c.Write(t.ArtifactDir()); err == nil {
		file = name
	}
	t.Errorf("seed %d goes wrong: phantoms %v, misses %v, lapses %v\nsmallest case (%s): %+v\n%s",
		c.Seed, s.Phantoms, s.Misses, s.Lapses, file, c.Options, s.Scene)
}

// TestCases plays the worlds in which a detector once was wrong.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c, err := ReadCase(name)
			if err != nil {
				t.Fatal(err)
			}
			if s := c.Run(); s.Wrong() {
				t.Errorf("%s: phantoms %v, misses %v, lapses %v\n%s", c.Why, s.Phantoms, s.Misses, s.Lapses, s.Scene)
			}
		})
	}
}

// TestRepeatable plays worlds twice: everything comes from the seed. In the
// second run every event goes to two detectors, which must want the same.
func TestRepeatable(t *testing.T) {
	seeds := uint64(150)
	if raceDetector || testing.Short() {
		seeds /= 10
	}
	for seed := range seeds {
		opt := RandomOptions(seed)
		once := Run(seed, opt)
		twice := run(seed, opt, func() observer {
			return &twins{t, detector.New(detector.DefaultConfig()), detector.New(detector.DefaultConfig())}
		})
		if diff := cmp.Diff(once, twice); diff != "" {
			t.Fatalf("seed %d: the same world twice:\n%s", seed, diff)
		}
	}
}

// twins are two detectors that hear the same.
type twins struct {
	t *testing.T
	*detector.Detector
	other *detector.Detector
}

func (d *twins) Step(now time.Time, e detector.Event) []detector.Effect {
	return d.same(d.Detector.Step(now, e), d.other.Step(now, e))
}

func (d *twins) Tick(now time.Time) []detector.Effect {
	return d.same(d.Detector.Tick(now), d.other.Tick(now))
}

func (d *twins) same(a, b []detector.Effect) []detector.Effect {
	if !reflect.DeepEqual(a, b) {
		d.t.Fatalf("the same events, different effects:\n%s", cmp.Diff(a, b))
	}
	return a
}
