package chokepointplay

import (
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/chokepoint"
)

const (
	timeout = chokepoint.DefaultTimeout
	// brief is the lifetime of workers where it is to end, and lasting where
	// not.
	brief   = 3 * time.Second
	lasting = time.Minute
	// quick is how long a worker works where that does not matter, so that
	// two sums cross; slow is what makes a long queue.
	quick = 150 * time.Millisecond
	slow  = 300 * time.Millisecond
	// crowd is how many ask the slow worker at once.
	crowd = 8
)

// nodes are those of the play, and the name of their cluster.
var nodes = []string{"n1", "n2", "n3"}

const playCluster = "play"

// Example returns the example.
func Example() demo.Example {
	return demo.Example{
		Name:    "chokepoint",
		Title:   "One worker for each key: two that wait for each other, and a queue that is no deadlock",
		Cast:    "three nodes, with one worker for each key in the cluster",
		Timeout: timeout,
		Acts: []demo.Act{
			demo.NewAct(demo.Watched, build(quick, brief, false), shared, expires, failover),
			demo.NewAct(demo.Watched, build(slow, lasting, false), queue),
			demo.NewAct(demo.Watched, build(quick, lasting, true), outside),
			demo.NewAct(demo.Watched, build(quick, lasting, false), crossing),
		},
		Node: node, Nodes: "n1, n2, n3, …: a node; the lifetime of its workers is 30 s",
		Ops: ops(),
	}
}
