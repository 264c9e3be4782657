// Package clusterplay shows package cluster: locks and calls that deadlock, the
// same without, and what a cluster does when its nodes die.
package clusterplay
