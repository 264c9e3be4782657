// Package endtoend holds the tests and benchmarks of all the parts together
// over a broker: services in this process, the agent, the detector's sidecar.
package endtoend
