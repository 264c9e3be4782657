// Package cluster is what programs expect of a cluster, made of nothing but
// what RabbitMQ offers: locks, names, groups, links and monitors, multicall,
// failover.
//
//	Node "n1"                       broker                          Node "n2"
//	┌──────────────┐   c/node/n1    an exclusive queue: the name,   ┌──────────────┐
//	│ roster       │                and where the node is called    │ roster       │
//	│  who is up,  │   c/alive/n1   a token that n1 holds; others   │              │
//	│  what they   │◀─────────────  wait for it to learn its end ──▶│              │
//	│  have        │   c/roster     what each node announces        │              │
//	│ processes    │   c/process/n1/p  a process's mailbox          │ processes    │
//	└──────────────┘   c/name/x  c/lock/y  c/service/z              └──────────────┘
//
// A Node is a member of a cluster and hosts processes. A Process serves one
// request at a time from a mailbox and is addressed as (name, node). It can set
// locks, register names for the whole cluster, join groups, and be linked to
// others.
//
// # The token
//
// A lock is a queue with a single active consumer and one message that nobody
// ever acknowledges: the token. Who gets it holds the lock. Whoever waits is the
// next consumer, in the order in which they came. When the holder's channel is
// closed, or its connection, or its machine dies, the broker puts the token back
// and hands it to the next. That the token is there is seen to by everybody who
// waits: each publishes one, and the queue keeps one at most.
//
// So a token tells of an end as well. Each node holds one of its own for as long
// as it is up, and every other node waits for it: it comes the moment the broker
// knows that the node is gone. Nobody counts heartbeats. A node that returns
// waits behind those that watch it, so it is back only when everybody has seen
// it go.
//
// # The roster
//
// Each node announces to all what it has: its processes, their names, groups,
// and services, whole, whenever that changes and once in a while. So look-ups
// are local, cost no message, and can be old by as much as a message takes. What
// must be exclusive is asked of the broker: names are exclusive queues.
//
// # What the broker does not guarantee
//
// All of this is as good as the connection to the broker. A node that loses it
// has lost its locks and names, whatever it was about to do, and is told a
// moment later: at once if the socket breaks, within three heartbeats (15 s)
// if the network falls silent. In between another may hold the same lock. So
// nobody should write to a store on the strength of a lock alone: give the store
// the Incarnation of the lock, and let it refuse a lower one than it has seen.
// Incarnations are made of clocks, and rise from holder to holder as long as
// the clocks of the nodes differ by less than a takeover takes.
//
// Announcements may be lost with a connection; the next one repeats them. A
// broker that is partitioned itself can have two of each queue: a service that
// must not be served twice says so, and a side without a majority of its nodes
// refuses.
package cluster
