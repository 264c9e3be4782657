// Callers asks ServiceA and ServiceB for this and that, and now and then for
// 42, which deadlocks: a load for the example in package compute.
//
//	go run ./cmd/callers --cyclic=30s
package main

import (
	"os"

	"github.com/waitgraph/waitgraph/services/compute/daemon"
)

func main() {
	os.Exit(daemon.Callers())
}
