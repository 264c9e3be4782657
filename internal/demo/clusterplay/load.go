package clusterplay

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/cluster"
	"github.com/waitgraph/waitgraph/services/cluster/load"
)

// driverPrefix is what the name of a node begins with that is there for the load
// alone.
const driverPrefix = "load-"

// Load is load to put on a web server.
type Load struct {
	URL      string
	Requests int
	InFlight int       // at most at a time
	Nodes    int       // to start if there are none
	Bar      io.Writer // for a progress bar; nil: none
}

// PutLoad spreads requests over all nodes that people have started on the broker
// of cfg, or over some that it starts, and sums up. The requests are made by the
// nodes.
func PutLoad(ctx context.Context, cfg demo.Config, l Load) (load.Summary, error) {
	if _, err := load.CheckURL(l.URL); err != nil {
		return load.Summary{}, err
	}
	run := load.Config{Requests: l.Requests, InFlight: l.InFlight}
	if l.Bar != nil {
		run.Progress = load.Bar(l.Bar)
	}
	if err := run.Validate(); err != nil {
		return load.Summary{}, err
	}
	p := &demo.Part{URL: cfg.URL, Dial: cfg.Dial, Log: cfg.Log}
	driver, err := cluster.Start(ctx, config(p, byHand, driverPrefix+rand.Text()[:6]))
	if err != nil {
		return load.Summary{}, err
	}
	defer driver.Stop()
	nodes, stop, err := loaders(ctx, p, driver, l.Nodes)
	defer stop()
	if err != nil {
		return load.Summary{}, err
	}
	task, err := load.Spread(driver, nodes, loadOp, []byte(l.URL))
	if err != nil {
		return load.Summary{}, err
	}
	return load.Run(ctx, run, task)
}

// loaders returns the nodes that make the requests: those that are there, or n
// that it starts in this process.
func loaders(ctx context.Context, p *demo.Part, driver *cluster.Node, n int) (nodes []string, stop func(), err error) {
	var started []*cluster.Node
	stop = func() {
		for _, node := range started {
			node.Stop()
		}
	}
	_ = wait(ctx, look) // by then it has heard of the others
	drives := func(node string) bool { return strings.HasPrefix(node, driverPrefix) }
	if nodes = slices.DeleteFunc(driver.Nodes(), drives); len(nodes) > 0 {
		return nodes, stop, nil
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1 << 10}}
	for i := range n {
		cfg := config(p, byHand, fmt.Sprintf("%s-%d", driver.Name(), i+1))
		cfg.Ops = map[string]cluster.Op{loadOp: load.Get(client)}
		node, err := cluster.Start(ctx, cfg)
		if err != nil {
			return nil, stop, err
		}
		started = append(started, node)
		nodes = append(nodes, node.Name())
	}
	return nodes, stop, nil
}
