// Soak looks for a world in which the detector is wrong, for a long time. It
// runs one seed after the other and says from which one to go on. On a mistake
// it shrinks the world, writes it into the directory of the regression cases,
// and ends with status 1.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/waitgraph/waitgraph/internal/simulation"
)

func main() {
	first := flag.Uint64("first", 1, "seed to begin with: that of the last line, to go on")
	events := flag.Float64("events", 1e9, "simulated events to run")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "worlds at a time")
	dir := flag.String("dir", "internal/simulation/testdata", "where to write a case that goes wrong")
	flag.Parse()
	if err := soak(*first, uint64(*events), *workers, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

const pace = 10 * time.Second // between two lines

func soak(first, events uint64, workers int, dir string) error {
	var wrong *simulation.Score
	start := time.Now()
	spoken := start
	running := simulation.Totals{First: first}
	total := simulation.Sweep(first, events, workers, func(s *simulation.Score) bool {
		running.Add(s)
		if s.Wrong() {
			wrong = s
		}
		if time.Since(spoken) >= pace {
			spoken = time.Now()
			say(&running, start)
		}
		return wrong == nil
	})
	say(&total, start)
	if wrong == nil {
		return nil
	}
	c := simulation.Shrink(simulation.Case{Seed: wrong.Seed, Options: simulation.RandomOptions(wrong.Seed)})
	name, err := c.Write(dir)
	if err != nil {
		return err
	}
	s := c.Run()
	return fmt.Errorf("seed %d goes wrong, smallest case in %s: phantoms %v, misses %v, lapses %v\n%s", wrong.Seed, name, s.Phantoms, s.Misses, s.Lapses, s.Scene)
}

func say(t *simulation.Totals, start time.Time) {
	rate := float64(t.Events) / time.Since(start).Seconds()
	fmt.Printf("%v; %.0f events/s; go on with -first=%d\n", t, rate, t.First+t.Seeds)
}
