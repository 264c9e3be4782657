// Package svg draws the wait-for graph as a picture that any browser shows.
//
//	┌ service a ────────┐      ┌ service b ────────┐
//	│ ┌───────────────┐ │      │ ┌───────────────┐ │
//	│ │ server_a:42   │◀┼──────┼─● reply of a.42 │ │
//	│ │ reply of b.42 ●─┼──────┼▶│ server_b:42   │ │
//	│ └───────────────┘ │      │ └───────────────┘ │
//	└───────────────────┘      └───────────────────┘
//
// A service is a column, and those that wait stand left of those they wait for,
// as far as there are no cycles. Processes that have to do with one another stand
// side by side, deadlocks first. A process is a box with a line for each wait,
// from which an arrow leads to who can grant it. Where any of several can, the
// arrow forks at a diamond; where nobody is known, it ends in a cross. The core of
// a deadlock is red, what is stuck behind it amber, and both say so in words.
//
// What is not printable in names is escaped, and they are cut to fit; the whole
// is in the tooltips.
package svg
