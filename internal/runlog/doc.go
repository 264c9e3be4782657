// Package runlog tells, from the log of a run, who was deadlocked when.
//
// A run of a system is written down as it happens, by those who play it and not
// by what watches it: who begins to wait and for what, who comes to hold what,
// who goes on. Replay reads the log from the beginning and works out after every
// instant, from scratch, which processes are deadlocked: all that can go on is
// taken to go on, again and again, and what is left is deadlocked. It is slow,
// simple and shares nothing with the detector that it judges.
//
//	Join web orders       web consumes the queue orders
//	Begin cli [r1] 1 of   cli waits for one thing, r1
//	Send r1 orders        the request r1 lies in the queue
//	Take r1 web           web owes its answer
//	Settle r1             it is answered, or nobody ever will answer it
//	End cli               cli goes on
//
// Entries of one instant are one step: nobody is deadlocked in between.
//
// Certain is what one who watches can be sure of: there, processes that nobody
// watches are taken to be free, and so are requests that the lost agent of a
// consumer may have known to be taken.
//
// Seeming is what one may take for a deadlock who does not know of every request
// that is lost: who waits for an answer that will never come waits for a consumer
// of the queue, as far as he can tell.
package runlog
