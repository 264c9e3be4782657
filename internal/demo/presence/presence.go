// Package presence makes nodes that people start by hand know of each other,
// where their example has no nodes of its own: a name that is taken is refused,
// and every node lists the same ones.
package presence

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/cluster"
)

// look is how often a node looks who else is there.
const look = 200 * time.Millisecond

// Run joins the nodes of an example under a name, runs the node, and tells which
// ones are up whenever that changes. It fails with cluster.ErrTaken if there is
// one of that name.
func Run(ctx context.Context, p *demo.Part, example, name string, run func(ctx context.Context) error) error {
	member, err := cluster.Start(ctx, cluster.Config{
		Cluster: "demo." + example, Node: name, URL: p.URL, Dial: p.Dial, Agent: p.Agent, TracerProvider: p.TracerProvider, Log: p.Log,
	})
	if err != nil {
		return err
	}
	defer member.Stop()
	ctx, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		tell(ctx, p, member)
	}()
	err = run(ctx)
	stop()
	<-told
	return err
}

func tell(ctx context.Context, p *demo.Part, member *cluster.Node) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for known := []string(nil); ; {
		if now := member.Nodes(); !slices.Equal(now, known) {
			p.Say("%s sees %s", member.Name(), strings.Join(now, ", "))
			known = now
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
