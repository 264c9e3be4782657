package timeline

import "time"

// Chart is the whole picture.
type Chart struct {
	Title    string
	Subtitle string
	Panels   []Panel
}

// Panel is one run.
type Panel struct {
	Title string
	Note  string // the outcome, at the right end of the title's line
	Lanes []Lane
	Marks []Mark
}

// Lane is what one process did.
type Lane struct {
	Name    string
	Bars    []Bar // must not overlap
	Crashes []time.Duration
}

// Bar is one wait.
type Bar struct {
	From, To time.Duration
	Label    string // drawn where it fits
	Tip      string // shown by a pointer that rests on the bar
	Kind     Kind
}

// Kind is what became of a wait.
type Kind uint8

// The kinds of wait.
const (
	Answered   Kind = iota // it ended well
	Unanswered             // nobody answered
	Core                   // nobody could: the process is part of a deadlock
)

// Mark is an instant that concerns every lane of its panel.
type Mark struct {
	At    time.Duration
	Label string
}

// end returns the latest instant that the chart shows.
func (c Chart) end() time.Duration {
	var end time.Duration
	for _, p := range c.Panels {
		for _, m := range p.Marks {
			end = max(end, m.At)
		}
		for _, l := range p.Lanes {
			for _, b := range l.Bars {
				end = max(end, b.To)
			}
			for _, at := range l.Crashes {
				end = max(end, at)
			}
		}
	}
	return end
}
