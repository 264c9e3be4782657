package clusterplay

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/cluster/load"
	"github.com/waitgraph/waitgraph/services/cluster/stock"
)

const (
	// byHand is the cluster of the nodes that people start.
	byHand = "demo"
	// clerk is the name of the clerk on each of them.
	clerk = "clerk"
	// slowly is how long he works at the first shelf, for people to be quick
	// enough to make two of them deadlock.
	slowly = 2 * time.Second
	// atLeisure is how long he waits for others; half as long again for locks.
	atLeisure = 6 * time.Second
	// look is how often a node looks who else is there, to tell.
	look = 200 * time.Millisecond
)

// Operations of a node besides those that people call.
const (
	loadOp = "load" // gets a URL
	nameOp = "name" // says the node's name
)

// hand is a node that people play with, and the process by which they set locks
// and register names there.
type hand struct {
	node    *cluster.Node
	process *cluster.Process
	ready   chan struct{} // closed when both are set
}

// node runs one node of the cluster that people play with.
func node(ctx context.Context, p *demo.Part, name string) (err error) {
	h := &hand{ready: make(chan struct{})}
	cfg := config(p, byHand, name)
	cfg.CallTimeout = atLeisure
	cfg.Ops = map[string]cluster.Op{
		loadOp: load.Get(http.DefaultClient),
		nameOp: func(context.Context, []byte) ([]byte, error) { return []byte(name), nil },
	}
	for _, op := range handOps {
		cfg.Ops[op.name] = h.op(op)
	}
	if h.node, err = cluster.Start(ctx, cfg); err != nil {
		return err
	}
	defer h.node.Stop()
	if h.process, err = h.node.Spawn(ctx, "hand", nobody); err != nil {
		return err
	}
	close(h.ready)
	go provide(ctx, h.node)
	go tell(ctx, h.node, p.Say)
	return stock.Run(ctx, stock.Config{
		Node: h.node, Name: clerk, Timeout: atLeisure * 3 / 2, Work: func(ctx context.Context) { _ = wait(ctx, slowly) },
		Hooks: stock.Hooks{Crashed: func(process string, cause error) { p.Say("%s crashed: %v", process, cause) }},
	})
}

// tell tells which nodes are up, whenever that changes.
func tell(ctx context.Context, n *cluster.Node, say func(string, ...any)) {
	for told := ""; ; {
		if now := strings.Join(n.Nodes(), ", "); now != told {
			say("%s sees %s", n.Name(), now)
			told = now
		}
		if wait(ctx, look) != nil {
			return
		}
	}
}
