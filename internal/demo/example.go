package demo

import (
	"context"
	"time"
)

// Example is a system that people know from trouble of their own, and the acts
// that show the trouble, its end, and what waitgraph says of both.
type Example struct {
	Name  string // on the command line: compute
	Title string // of its picture, and of the list of examples: one line
	Cast  string // who plays: "two replicas each of ServiceA and ServiceB"
	// Timeout is that of the system's calls.
	Timeout time.Duration
	// Queues are the shared queues that outlive the system. They are deleted
	// before it is built and when it is gone.
	Queues []string
	Acts   []Act

	// Node runs one node of the system, for people who play by hand, until
	// ctx ends. It returns an error that says so if the name is taken.
	// Nodes says which names there are to choose from.
	Node  func(ctx context.Context, p *Part, name string) error
	Nodes string
	Ops   []Op // that people can call by hand
}

// Op is something that a running system can be asked from outside.
type Op struct {
	Name string
	Args string // for people: "ID STATE"
	Help string
	// Do asks. There are as many arguments as Args has words.
	Do func(ctx context.Context, p *Part, args []string) (string, error)
}

// Act is a system, with or without waitgraph beside it, and the scenes that are
// played on it one after the other. See NewAct.
type Act struct {
	watched bool
	scenes  []scene
	// open builds the system and returns what plays a scene on it.
	open func(ctx context.Context, s *Stage) (play func(ctx context.Context, i int) error, err error)
}

// scene is a Scene without what is particular to its system.
type scene struct {
	name, title string
	expect      []Check
}

// Scene is one thing to try on a system of type S: what is done and what must
// come of it.
type Scene[S any] struct {
	Name   string // one word, for the table
	Title  string // one line
	Play   func(ctx context.Context, s *Stage, system S) error
	Expect []Check
}

// Whether waitgraph is beside the system of an act.
const (
	Bare    = false
	Watched = true
)

// NewAct returns an act whose system build starts, out of parts of the stage.
// What build has started ends with the act.
func NewAct[S any](watched bool, build func(ctx context.Context, s *Stage) (S, error), scenes ...Scene[S]) Act {
	act := Act{watched: watched}
	for _, sc := range scenes {
		act.scenes = append(act.scenes, scene{name: sc.Name, title: sc.Title, expect: sc.Expect})
	}
	act.open = func(ctx context.Context, s *Stage) (func(context.Context, int) error, error) {
		system, err := build(ctx, s)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, i int) error { return scenes[i].Play(ctx, s, system) }, nil
	}
	return act
}
