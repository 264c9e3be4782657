// Serviceb runs one replica of ServiceB, which computes
// alone, except that it asks ServiceA back for ID 42: half of the example in
// package compute.
//
//	go run ./cmd/serviceb --replica=1 --ids=1-30
//	go run ./cmd/serviceb --replica=2 --ids=31-60
package main

import (
	"os"

	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/services/compute/daemon"
)

func main() {
	os.Exit(daemon.Main(compute.B))
}
