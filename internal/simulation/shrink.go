package simulation

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Case is one world, small enough to keep: the file in testdata that shows a
// mistake for good.
type Case struct {
	Why     string `json:",omitempty"`
	Seed    uint64
	Options Options
}

// Run plays the case.
func (c *Case) Run() Score { return Run(c.Seed, c.Options) }

// Shrink returns the smallest case that it can find that still goes wrong: it
// drops features, processes and time as long as the detector makes a mistake
// with one of a few seeds.
func Shrink(c Case) Case {
	for again := true; again; {
		again = false
		for _, smaller := range c.smaller() {
			if smaller.goesWrong() {
				c, again = smaller, true
				break
			}
		}
	}
	return c
}

// goesWrong looks for a seed with which the case goes wrong, its own first.
func (c *Case) goesWrong() bool {
	const others = 10
	for seed := c.Seed; seed <= c.Seed+others; seed++ {
		if s := Run(seed, c.Options); s.Wrong() {
			c.Seed = seed
			return true
		}
	}
	return false
}

// smaller returns the cases that are a step simpler than c.
func (c *Case) smaller() []Case {
	var all []Case
	try := func(change func(o *Options)) {
		s := *c
		change(&s.Options)
		if s.Options != c.Options {
			all = append(all, s)
		}
	}
	number := func(field func(o *Options) *int, least int) {
		try(func(o *Options) { *field(o) = least })
		try(func(o *Options) { *field(o) = max(least, *field(o)/2) })
		try(func(o *Options) { *field(o) = max(least, *field(o)-1) })
	}
	span := func(field func(o *Options) *time.Duration) {
		try(func(o *Options) { *field(o) = 0 })
	}
	span(func(o *Options) *time.Duration { return &o.Killing })
	span(func(o *Options) *time.Duration { return &o.Restart })
	span(func(o *Options) *time.Duration { return &o.Network.Turn })
	span(func(o *Options) *time.Duration { return &o.Standing })
	for _, field := range counts {
		number(field, 0)
	}
	for _, field := range sizes {
		number(field, 1)
	}
	try(func(o *Options) { o.Length = (o.Length / 2).Round(time.Millisecond) })
	try(func(o *Options) { o.Length = (o.Length * 9 / 10).Round(time.Millisecond) })
	return all
}

// counts are the options that can be done without, sizes those that cannot.
var (
	counts = []func(o *Options) *int{
		func(o *Options) *int { return &o.Upward },
		func(o *Options) *int { return &o.Strangers },
		func(o *Options) *int { return &o.Buffers },
		func(o *Options) *int { return &o.Failovers },
		func(o *Options) *int { return &o.Leavers },
		func(o *Options) *int { return &o.Forks },
		func(o *Options) *int { return &o.Drains },
		func(o *Options) *int { return &o.Parts },
		func(o *Options) *int { return &o.Streams },
		func(o *Options) *int { return &o.Farewells },
		func(o *Options) *int { return &o.Network.Late },
		func(o *Options) *int { return &o.Sends },
		func(o *Options) *int { return &o.EarlyAnswers },
		func(o *Options) *int { return &o.Parallel },
		func(o *Options) *int { return &o.Cancels },
		func(o *Options) *int { return &o.Crashes },
		func(o *Options) *int { return &o.Timeouts },
		func(o *Options) *int { return &o.Network.Drop },
		func(o *Options) *int { return &o.Network.Duplicate },
		func(o *Options) *int { return &o.Network.Partition },
		func(o *Options) *int { return &o.Semaphores },
		func(o *Options) *int { return &o.Locks },
		func(o *Options) *int { return &o.Pools },
	}
	sizes = []func(o *Options) *int{
		func(o *Options) *int { return &o.Hosts },
		func(o *Options) *int { return &o.Servers },
		func(o *Options) *int { return &o.Workers },
		func(o *Options) *int { return &o.Clients },
		func(o *Options) *int { return &o.Depth },
	}
)

// Write puts the case into a file of its own in a directory, and returns its name.
func (c *Case) Write(dir string) (string, error) {
	data, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return "", fmt.Errorf("encode case: %w", err)
	}
	name := filepath.Join(dir, fmt.Sprintf("seed-%d.json", c.Seed))
	if err := os.WriteFile(name, append(data, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("write case: %w", err)
	}
	return name, nil
}

// ReadCase reads what Write wrote.
func ReadCase(name string) (Case, error) {
	var c Case
	data, err := os.ReadFile(name)
	if err != nil {
		return c, fmt.Errorf("read case: %w", err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("read case %s: %w", name, err)
	}
	return c, nil
}
