package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of those who play by hand.
var (
	errNoNodes   = errors.New("this example has no nodes to start by hand")
	errNoOp      = errors.New("no such operation")
	errArguments = errors.New("wrong number of arguments")
)

// RunNode runs one node of an example, watched, until ctx ends. What it does is
// told to cfg.Out.
func RunNode(ctx context.Context, e Example, cfg Config, name string) error {
	if e.Node == nil {
		return errNoNodes
	}
	return byHand(ctx, e, cfg, e.Name, func(p *Part) error { return e.Node(ctx, p, name) })
}

// CallOp asks a running system from outside. The one who asks is watched like
// the system, so that a verdict can name it.
func CallOp(ctx context.Context, e Example, cfg Config, name string, args []string) (answer string, err error) {
	i := slices.IndexFunc(e.Ops, func(op Op) bool { return op.Name == name })
	if i < 0 {
		return "", fmt.Errorf("%w %s: %s knows %s", errNoOp, name, e.Name, e.ops())
	}
	op := e.Ops[i]
	if want := len(strings.Fields(op.Args)); len(args) != want {
		return "", fmt.Errorf("%w: want %s %s", errArguments, op.Name, op.Args)
	}
	err = byHand(ctx, e, cfg, "caller", func(p *Part) error {
		answer, err = op.Do(ctx, p, args)
		return err
	})
	return answer, err
}

// ops lists what can be asked.
func (e Example) ops() string {
	var all []string
	for _, op := range e.Ops {
		all = append(all, strings.TrimSpace(op.Name+" "+op.Args))
	}
	return strings.Join(all, ", ")
}

// byHand runs a part that is no part of a play.
func byHand(ctx context.Context, e Example, cfg Config, service string, run func(*Part) error) error {
	d := newDemo(e, cfg.withDefaults())
	p := d.newPart(d.narrator.say)
	stop, err := p.watch(ctx, service)
	if err != nil {
		return err
	}
	defer stop()
	return run(p)
}
