package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/internal/demo/chokepointplay"
	"github.com/waitgraph/waitgraph/internal/demo/clusterplay"
	"github.com/waitgraph/waitgraph/internal/demo/computeplay"
	"github.com/waitgraph/waitgraph/internal/demo/entitiesplay"
	"github.com/waitgraph/waitgraph/internal/demo/poolplay"
	"github.com/waitgraph/waitgraph/internal/demo/shimplay"
)

// examples are what there is to play. The first is the one that is played
// unless another is named.
func examples() []demo.Example {
	return []demo.Example{
		computeplay.Example(),
		entitiesplay.Example(),
		clusterplay.Example(),
		chokepointplay.Example(),
		poolplay.Example(), shimplay.Example(),
	}
}

// example returns the example of that name, the first if it is empty.
func example(name string) (demo.Example, error) {
	all := examples()
	if name == "" {
		return all[0], nil
	}
	i := slices.IndexFunc(all, func(e demo.Example) bool { return e.Name == name })
	if i < 0 {
		return demo.Example{}, fmt.Errorf("no example is called %q: see demo list", name)
	}
	return all[i], nil
}

type listCommand struct{}

// Run lists the examples with what can be done with each by hand.
func (l *listCommand) Run() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0) // which has every error for Flush
	for _, e := range examples() {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", e.Name, e.Title)
		if e.Node != nil {
			_, _ = fmt.Fprintf(w, "\t  node %s NAME\t%s\n", e.Name, e.Nodes)
		}
		for _, op := range e.Ops {
			_, _ = fmt.Fprintf(w, "\t  %s\t%s\n", strings.TrimSpace("call "+e.Name+" "+op.Name+" "+op.Args), op.Help)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
