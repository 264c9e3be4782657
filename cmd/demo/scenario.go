package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waitgraph/waitgraph/internal/scenario"
)

type scenarioCommand struct {
	Files    []string `arg:"" type:"existingfile" help:"What to play: see docs/scenarios.md."`
	Virtual  bool     `help:"Play in virtual time, which takes no time, instead of on services over a broker."`
	Seed     uint64   `default:"1" help:"Of all that is left to chance (${default})."`
	Runs     int      `default:"1" help:"How many times to play each, with one seed after the other (${default})."`
	Timeline string   `placeholder:"DIR" help:"Where to write a timeline of each scenario."`
}

// Run plays the scenarios and says what happened against what was expected.
func (s *scenarioCommand) Run(ctx context.Context, c *commands) error {
	if s.Runs < 1 {
		return fmt.Errorf("%d runs would show nothing", s.Runs)
	}
	all, err := readScenarios(s.Files)
	if err != nil {
		return err
	}
	var totals []*scenario.Total
	if s.Virtual {
		totals, err = s.virtually(ctx, all)
	} else {
		totals, err = s.really(ctx, c, all)
	}
	if err != nil {
		return err
	}
	if s.Runs > 1 {
		if err := scenario.WriteTable(os.Stdout, totals); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(totals, func(t *scenario.Total) bool { return !t.Passed() }) {
		return errNotHeld
	}
	return nil
}

// virtually plays one scenario after the other.
func (s *scenarioCommand) virtually(ctx context.Context, all []*scenario.Scenario) (totals []*scenario.Total, err error) {
	for _, one := range all {
		t, err := scenario.PlayMany(ctx, one, scenario.Series{Seed: s.Seed, Runs: s.Runs, Progress: bar(one.Name, s.Runs)})
		if err != nil {
			return nil, err
		}
		if err := s.tell(one, t); err != nil {
			return nil, err
		}
		totals = append(totals, t)
	}
	return totals, nil
}

// tell tells of the run, or of the first one that went wrong.
func (s *scenarioCommand) tell(one *scenario.Scenario, t *scenario.Total) error {
	if err := s.timeline(one, t.First); err != nil {
		return err
	}
	switch {
	case t.Worst != nil:
		return t.Worst.Write(os.Stdout, one)
	case s.Runs == 1:
		return t.First.Write(os.Stdout, one)
	}
	return nil
}

func (s *scenarioCommand) timeline(one *scenario.Scenario, r *scenario.Run) error {
	if s.Timeline == "" {
		return nil
	}
	var picture bytes.Buffer
	if err := r.Timeline(one).WriteSVG(&picture); err != nil {
		return err
	}
	if err := os.MkdirAll(s.Timeline, 0o755); err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.Timeline, one.Name+".svg"), picture.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write timeline: %w", err)
	}
	return nil
}

// readScenarios reads files. The error names all that is wrong in any of them.
func readScenarios(files []string) (all []*scenario.Scenario, err error) {
	var wrong []error
	for _, name := range files {
		one, err := readScenario(name)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		all = append(all, one)
	}
	return all, errors.Join(wrong...)
}

func readScenario(name string) (*scenario.Scenario, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return scenario.Parse(name, data)
}

// bar shows progress on a terminal; elsewhere there is none.
func bar(name string, of int) func(done int) {
	if of < 2 || !isTerminal(os.Stderr) {
		return nil
	}
	const width = 30
	return func(done int) {
		full := width * done / of
		fmt.Fprintf(os.Stderr, "\r%s%s %d/%d %s\x1b[K", strings.Repeat("█", full), strings.Repeat("░", width-full), done, of, name)
		if done == of {
			fmt.Fprint(os.Stderr, "\r\x1b[K")
		}
	}
}

type generateCommand struct {
	Seed uint64 `default:"1" help:"Of all that is left to chance (${default})."`
	Size int    `default:"4" help:"How large, from 1 to 200 (${default})."`
}

// Run prints a scenario that is made up.
func (g *generateCommand) Run() error {
	if g.Size < 1 || g.Size > scenario.MaxGenerated {
		return fmt.Errorf("size %d is not from 1 to %d", g.Size, scenario.MaxGenerated)
	}
	return print1(scenario.Generate(g.Seed, g.Size))
}

type exploreCommand struct {
	File  string `arg:"" type:"existingfile" help:"The system: see docs/scenarios.md."`
	Seed  uint64 `default:"1" help:"Of all that is left to chance (${default})."`
	Tries int    `default:"1000" help:"How many interleavings to try (${default})."`
}

// Run looks for a run that deadlocks and prints the shortest that it finds.
func (e *exploreCommand) Run(ctx context.Context) error {
	if e.Tries < 1 {
		return fmt.Errorf("%d tries would find nothing", e.Tries)
	}
	s, err := readScenario(e.File)
	if err != nil {
		return err
	}
	found := scenario.Explore(ctx, s, e.Seed, e.Tries, bar("no deadlock yet", e.Tries))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case found == nil:
		_, err := fmt.Fprintf(os.Stderr, "No deadlock in %d tries, which proves nothing: try more, or another seed.\n", e.Tries)
		return err
	}
	return print1(found)
}

func print1(s *scenario.Scenario) error {
	text, err := scenario.Format(s)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
