// Package computeplay shows package compute: two services that deadlock, with
// and without waitgraph.
package computeplay
