package clusterplay

import (
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/internal/demo"
)

const (
	// callTimeout is how long clerks wait for each other.
	callTimeout = 2 * time.Second
	// lockTimeout is how long they wait for a lock: longer, so that it is
	// the call that is given up where both are waited for.
	lockTimeout = 3 * callTimeout / 2
)

// Example returns the example.
func Example() demo.Example {
	return demo.Example{
		Name:    "cluster",
		Title:   "Cluster-wide locks and calls deadlock, and what nodes do when others die",
		Cast:    fmt.Sprintf("three nodes with a clerk each, who lock shelves (for which they wait %v) and ask each other", lockTimeout),
		Timeout: callTimeout,
		Acts: []demo.Act{
			demo.NewAct(demo.Bare, build(careless), healthy, unwatched),
			demo.NewAct(demo.Watched, build(careless), order, call, ring),
			demo.NewAct(demo.Watched, build(careful), orderFixed, callFixed, ringFixed),
			demo.NewAct(demo.Watched, build(careful), inherited, failover),
		},
		Node: node, Nodes: "n1, n2, n3, …: a node of the cluster with a careless clerk; n1 to n3 serve by priority",
		Ops: ops(),
	}
}

// Whether clerks take locks in order and ask nobody while they hold one.
const (
	careless = false
	careful  = true
)
