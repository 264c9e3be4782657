// Package chokepointplay shows package chokepoint: one worker for each key in the
// whole cluster, two that wait for each other, and a long queue that is none.
package chokepointplay
