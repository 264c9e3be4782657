// Servicea runs one replica of ServiceA, which asks ServiceB
// and adds 1,000,000: half of the example in package compute.
//
//	go run ./cmd/servicea --replica=1 --ids=1-30
//	go run ./cmd/servicea --replica=2 --ids=31-60
package main

import (
	"os"

	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/services/compute/daemon"
)

func main() {
	os.Exit(daemon.Main(compute.A))
}
