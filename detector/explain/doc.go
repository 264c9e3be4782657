// Package explain puts verdicts and graphs into words and into JSON. It is the
// one place that does: the HTTP API, the log and the demo all show what it
// says.
//
// A verdict is explained as PostgreSQL explains its deadlocks, by a sentence
// for each edge of the core: who waits for what, and who blocks it.
//
//	deadlock confirmed: a cycle of 2 processes, formed 3.1 ms ago, first timeout in 4.99 s
//	  server_a:42 has waited 4.2 ms for the reply to its request to server_b.42
//	  and gives up in 4.99 s; blocked by server_b:42.
//	  server_b:42 has waited 3.1 ms for the reply to its request to server_a.42
//	  and gives up in 4.99 s; blocked by server_a:42.
//	  Behind it: caller.
//
// Ages and times left are counted at one instant, which is part of the
// explanation. Ages compare the clock of the one who asks with that of the
// agent.
//
// # JSON
//
// [Verdict], [Proven] and [Graph] are the JSON forms. Their members are described on the
// fields; a member that has nothing to say is left out. Times are RFC 3339 in
// UTC, trace and span IDs lower case hex, agents name#incarnation. Members may
// be added, but not renamed or removed. The lists of a Verdict are bounded, each by
// itself and the holders and waits of all its processes together: the first are told
// in full, and of what is left out there is the count. The proof in Proven is described in
// package proof; unlike the lists of a Verdict it is never cut short.
//
// # Hostile names
//
// Names come from services and may hold anything. In summaries, sentences and
// reasons what is not printable is escaped as in Go source; the other members
// of the JSON forms have the names as they are.
package explain
