// Package chokepoint passes all requests for one key through one worker in the
// whole cluster, which keeps a value for a few seconds.
//
//	get 1 ──▶ n1 ──┐                    n2: key 1 is here, 4 too
//	               ├──▶ [key_1] ──▶ one request at a time ──▶ 517, of n2
//	get 1 ──▶ n3 ──┘
//
// It is what keeps a slow or expensive source from being asked by everybody at
// once: the first request for a key starts its worker, the others queue behind
// it, and all get what it holds. After its Lifetime it is gone, and the next
// request starts another, with another value.
//
// # Where a worker is
//
// The node is chosen by the key over the nodes that are up: an integer by its
// remainder, anything else by a hash. With three nodes, 1 and 4 share one and have
// different values. A worker that lives is used until it expires, whoever
// joins or leaves. When the node that should serve a key fails, or refuses, the
// one that was asked serves it itself rather than lose the request, and says so
// in the answer.
//
// The name of a worker is registered in the cluster (package cluster), so that
// there is one at a time, whatever the nodes think of each other.
//
// # The deadlock, and what is none
//
// Sum adds the values of two keys. By default the worker of the first asks that
// of the second: two sums that cross, of 1 with 2 and of 2 with 1, wait for each
// other until their timeouts, which crash both workers. With Outside the node that
// was asked adds up, and no worker ever waits for another.
//
// One slow worker with a long queue behind it is no deadlock: everybody in the
// queue waits for somebody who is at work.
package chokepoint
