package computeplay

import (
	"fmt"
	"strconv"

	"github.com/waitgraph/waitgraph/internal/demo"
	"github.com/waitgraph/waitgraph/services/compute"
)

// Example returns the example.
func Example() demo.Example {
	return demo.Example{
		Name:    "compute",
		Title:   "Two services deadlock, with and without waitgraph",
		Cast:    fmt.Sprintf("two replicas each of ServiceA and ServiceB, %d server processes each", compute.MaxID),
		Timeout: compute.DefaultTimeout,
		Queues:  []string{compute.A.Queue(), compute.B.Queue()},
		Acts: []demo.Act{
			demo.NewAct(demo.Bare, build(buggy), healthy, unwatched),
			demo.NewAct(demo.Watched, build(fixed), asked42),
			demo.NewAct(demo.Watched, build(buggy), watched, crossing, slow),
		},
		Node: node, Nodes: "a1, a2, … and b1, b2, …: a replica of either service",
		Ops: []demo.Op{askOp(compute.A), askOp(compute.B)},
	}
}

// Processes of the deadlock. Which of the consumers take part is the broker's
// choice, so they go without the number of their replica.
const (
	serverA   = "server_a:42"
	serverB   = "server_b:42"
	consumerA = "service_a.consumer"
	consumerB = "service_b.consumer"
)

// The process names of those who ask.
const (
	caller      = "caller"
	otherCaller = "caller_b"
)

// request is how a request is written.
func request(service compute.Service, id int64) string {
	return service.Name() + ".compute(" + strconv.FormatInt(id, 10) + ")"
}

// computes expects that A computed id in the end.
func computes(id int64) demo.Check {
	return demo.Answer(request(compute.A, id), demo.Thousands(id+1_000_000))
}
