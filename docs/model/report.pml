/*
 * The report protocol between agents and the detector, checked by spin.
 *
 * A process takes locks, waits for those of others, and gives them back; a
 * lock's name is used again and a wait can be cancelled, so that a stale report
 * and a fresh one may meet in a circle that never was. The agent of the process
 * reports its state over a network that loses, duplicates and reorders. The
 * detector suspects a circle of reports, asks, and confirms.
 *
 *     World ──moves──▶ proc[i] ◀──reads── Agent(i) ──up──▶ Detector: view, verdict
 *                                            ◀─asking, pulling──
 *
 * Two agents of one process each; WAITS wait epochs begin in all, the network
 * commits FAULTS, and DROPS times a process loses a lock while it is blocked.
 *
 *   safety    a confirmed circle was one at the moment of asking: the members
 *             were all blocked, in those wait epochs, each on the next (assert)
 *   eventual  a deadlock that stands for ever is confirmed in the end and stays
 *             so, if every agent and the detector go on (ltl, weak fairness)
 *
 * Controls, each of which spin must find to be wrong:
 *
 *   -DTRUST   the detector confirms without asking             breaks safety
 *   -DKEEP    a process that lost a lock while it was blocked
 *             takes one again in the same wait epoch           breaks safety
 *   -DSILENT  agents send no heartbeats                        breaks eventual
 *
 * Left out: call chains, queues and their counts, leases, incarnations, agents
 * of several processes, several detectors. A question is repeated only when it
 * or its answer is lost: the interval of asking grows beyond any round trip.
 *
 * Simpler than the code: a question is lost or replaced by the next, but never
 * duplicated; what an answer told is not published once more; an agent sends a
 * heartbeat when it has nothing else to say and none of its reports is on its
 * way. All reports share one queue, as they do at the broker.
 */

#define N 2
#ifndef WAITS
#define WAITS 3
#endif
#ifndef FAULTS
#define FAULTS 1
#endif

#ifndef DROPS
#define DROPS 0
#endif
#ifndef CAP
#define CAP 3 /* reports on their way: one heartbeat of each agent leaves room */
#endif

#define BIT(i) (1 << (i))

/* What is true of a process, and what its agent keeps about it. Sets of locks
 * and of processes are bit masks. */
typedef Process {
	byte wait;      /* the lock it is blocked on, 0 while it is active */
	byte holds;     /* locks; only grows during a wait epoch, unless dropped */
	byte epoch;     /* of the present or last wait */
	bit  dropped;   /* a lock was given up in this epoch */

	byte seq;       /* the number of the last report */
	byte numbered;  /* the epoch of that report if it told of a wait, else 0 */
	bit  whole;     /* to be reported in full */
	byte fresh      /* else: locks to be reported as an addition */
}
Process proc[N];

/* What the detector was told of a process. */
typedef View {
	byte epoch;
	byte seq;       /* the last report in an unbroken row */
	byte base;      /* the last full one */
	byte wait;
	byte holds
}
View view[N];

mtype = { STATE, ADDITION, BEAT, ANSWER, COMPLETE }
chan up = [CAP] of { byte, mtype, byte /* round */, byte /* epoch */, byte /* seq */, byte /* wait */, byte /* holds */ }
byte asking[N];         /* a question on its way to the agent: its round, or 0 */
bit pulling[N];         /* a question for everything on its way */

byte faults = FAULTS;   /* that the network may still commit */

byte waits = WAITS;     /* epochs that may still begin */
byte drops = DROPS;     /* locks that a process may still lose while it is blocked */

/* The verdict and the round of questions about it. */
mtype = { NONE, SUSPECTED, CONFIRMED }
mtype status = NONE;
byte round;
byte members;           /* of the suspected circle */
byte asked[N];          /* their epochs at the moment of asking */
byte owed[N];           /* the locks of each that members wait for */
byte heard;             /* members that have answered */
bit  denied;            /* one of them contradicted */
bit  together;          /* ghost: at the moment of asking the circle was real */

hidden byte i, j, n, core, holders, waiters, due[N];
hidden byte same;

/* ---- The world: what processes do, and what the network does to reports. */

#define HELD (proc[0].holds | proc[1].holds)

#ifdef KEEP
#define RENEWS(me) 0
#else
#define RENEWS(me) proc[me].dropped
#endif

inline block(me, lock) {
	waits--; proc[me].epoch++; proc[me].wait = lock; proc[me].dropped = 0;
	 proc[me].whole = 1; proc[me].fresh = 0
}

/* A wait that ended before it was reported is never heard of. */
inline unblock(me) {
	proc[me].wait = 0; proc[me].fresh = 0; proc[me].dropped = 0;
	proc[me].whole = (proc[me].numbered != 0)
}

/* The lock that it waits for is granted to a process. Another one can come to a
 * blocked process as well, as requests come to its mailbox. */
inline take(me, lock) {
	proc[me].holds = proc[me].holds | lock;
	if
	:: proc[me].wait == lock -> unblock(me)
	:: proc[me].wait != 0 && proc[me].wait != lock ->
			if
		:: RENEWS(me) -> block(me, proc[me].wait)
		:: else -> proc[me].fresh = proc[me].fresh | lock
		fi
	:: else
	fi
}

inline give(me, lock) {
	proc[me].holds = proc[me].holds & ~lock;
	if
	:: proc[me].wait -> drops--; proc[me].dropped = 1; proc[me].whole = 1; proc[me].fresh = 0
	:: else
	fi
}

/* All processes begin alike, so that the first to wait is called 0. */
#define MAY_BLOCK(me) (waits && (me == 0 || proc[0].epoch))
#define MOVES(me, lock) \
	:: d_step { !(HELD & lock) && (!RENEWS(me) || MAY_BLOCK(me)) -> take(me, lock) } \
	:: d_step { (proc[me].holds & lock) && (!proc[me].wait || drops) -> give(me, lock) } \
	:: d_step { !proc[me].wait && (HELD & lock & ~proc[me].holds) && MAY_BLOCK(me) -> block(me, lock) }

#define LOSE(c, m)      :: d_step { faults && nempty(c) -> faults--; c?m; FORGET }
#define OVERTAKE(c, m)  :: d_step { faults && len(c) > 1 -> faults--; c?m; c!m; FORGET }
#define DUPLICATE(c, m) :: d_step { faults && nempty(c) && nfull(c) -> faults--; c?<m>; c!m; FORGET }
#define FORGET me = 0; kind = 0; about = 0; epoch = 0; seq = 0; wait = 0; holds = 0
#define UP me, kind, about, epoch, seq, wait, holds
#define NETWORK(me) \
	:: d_step { faults && asking[me] -> faults--; asking[me] = 0 } \
	:: d_step { faults && pulling[me] -> faults--; pulling[me] = 0 }

/* For eventual detection the world may come to rest at any time, which is how a
 * deadlock stands for ever. Time goes on. */
active proctype World() {
	byte me; mtype kind; byte about, epoch, seq, wait, holds;
	do
	MOVES(0, 1) MOVES(0, 2) MOVES(1, 1) MOVES(1, 2)
	:: d_step { proc[0].wait -> unblock(0) }
	:: d_step { proc[1].wait -> unblock(1) }
	LOSE(up, UP) OVERTAKE(up, UP) DUPLICATE(up, UP) NETWORK(0) NETWORK(1)
#ifdef EVENTUAL
	:: break
#endif
	od;
	do
	:: skip; skip
	od
}

/* ---- An agent. */

inline number(me) {
	proc[me].seq++; proc[me].whole = 0; proc[me].fresh = 0;
	proc[me].numbered = (proc[me].wait -> proc[me].epoch : 0)
}

/* Of an active process it tells no more than that. */
#define TOLD(me) proc[me].epoch, proc[me].seq, proc[me].wait, (proc[me].wait -> proc[me].holds : 0)

#define NEWS(me) (proc[me].whole || proc[me].fresh)

proctype Agent(byte me) {
	byte added;
end:	do
	:: d_step { nfull(up) && NEWS(me) ->
		added = (proc[me].whole -> 0 : proc[me].fresh);
		number(me);
		if
		:: added -> up!me, ADDITION, 0, proc[me].epoch, proc[me].seq, 0, added
		:: else -> up!me, STATE, 0, TOLD(me)
		fi;
		added = 0 }
	:: d_step { nfull(up) && asking[me] ->
		if
		:: NEWS(me) -> number(me)
		:: else
		fi;
		up!me, ANSWER, asking[me], TOLD(me);
		asking[me] = 0 }
	:: d_step { nfull(up) && pulling[me] ->
		if
		:: proc[me].numbered || NEWS(me) -> number(me); up!me, COMPLETE, 1, TOLD(me)
		:: else -> up!me, COMPLETE, 0, 0, 0, 0, 0
		fi;
		pulling[me] = 0 }
#ifndef SILENT
	:: d_step { nfull(up) && !up??[eval(me), _, _, _, _, _, _] && !asking[me] && !pulling[me] && !NEWS(me) ->
		up!me, BEAT, 0, proc[me].numbered, (proc[me].numbered -> proc[me].seq : 0), 0, 0 }
#endif
	od
}

/* ---- The detector. */

/* The core is what is left when whoever waits for nobody known to be stuck is
 * let go, and whoever nobody in it waits for. */
inline find_core() {
	core = 0;
	for (i : 0 .. N-1) { core = core | (view[i].wait -> BIT(i) : 0) }
	for (n : 1 .. N) {
		for (i : 0 .. N-1) {
			holders = 0; due[i] = 0;
			for (j : 0 .. N-1) {
				holders = holders | ((view[j].holds & view[i].wait) -> BIT(j) : 0);
				due[i] = due[i] | ((core & BIT(j)) -> view[j].wait & view[i].holds : 0)
			}
			if
			:: !holders || (holders & ~core) || !due[i] -> core = core & ~BIT(i)
			:: else
			fi
		}
	}
}

inline ask() {
	status = SUSPECTED; round++; members = core; heard = 0; denied = 0; together = 1;
	for (i : 0 .. N-1) {
		asked[i] = 0; owed[i] = 0; asking[i] = 0;
		if
		:: core & BIT(i) ->
			asked[i] = view[i].epoch; owed[i] = due[i];
			if
			:: proc[i].wait != view[i].wait || proc[i].epoch != asked[i] || (owed[i] & ~proc[i].holds) -> together = 0
			:: else
			fi;
			asking[i] = round
		:: else
		fi
	}
#ifdef TRUST
	heard = members;
#endif
	assert(round < 100)
}

inline judge() {
	find_core();
	same = (core == members);
	for (i : 0 .. N-1) {
		if
		:: (core & BIT(i)) && (asked[i] != view[i].epoch || owed[i] != due[i]) -> same = 0
		:: else
		fi
	}
	if
	:: !core && members ->
		status = NONE; members = 0; heard = 0; denied = 0; together = 0;
		for (i : 0 .. N-1) { asked[i] = 0; owed[i] = 0; asking[i] = 0 }
	:: core && !same -> ask()
	:: else
	fi;
	if
	:: status == SUSPECTED && heard == members && !denied ->
		assert(together);
		status = CONFIRMED
	:: else
	fi
}

inline accept() {
	if
	:: epoch < view[me].epoch || (view[me].seq && seq <= view[me].base)
	:: else ->
		view[me].epoch = epoch; view[me].seq = seq; view[me].base = seq;
		view[me].wait = wait; view[me].holds = holds
	fi
}

inline add() {
	if
	:: view[me].wait && epoch == view[me].epoch && seq > view[me].base ->
		view[me].holds = view[me].holds | holds;
		view[me].seq = (seq == view[me].seq + 1 -> seq : view[me].seq)
	:: else
	fi
}

inline hear() {
	if
	:: about == round && status == SUSPECTED && (members & ~heard & BIT(me)) ->
		heard = heard | BIT(me);
		denied = denied || !wait || epoch != asked[me] || (owed[me] & ~holds)
	:: else
	fi
}

inline compare() {
	if
	:: epoch != (view[me].wait -> view[me].epoch : 0) || seq != (view[me].wait -> view[me].seq : 0) -> pulling[me] = 1
	:: else
	fi
}

proctype Detector() {
	byte me; mtype kind; byte about, epoch, seq, wait, holds;
end:	do
	:: d_step { up?me, kind, about, epoch, seq, wait, holds ->
		if
		:: kind == STATE -> accept()
		:: kind == ADDITION -> add()
		:: kind == BEAT -> compare()
		:: kind == ANSWER -> accept(); hear()
		:: kind == COMPLETE ->
			if
			:: about -> accept()
			:: else -> view[me].wait = 0; view[me].holds = 0
			fi;
			if
			:: wait == 0 -> epoch = 0; seq = 0
			:: else
			fi;
			compare()
		fi;
		judge();
		me = 0; kind = 0; about = 0; epoch = 0; seq = 0; wait = 0; holds = 0 }
	od
}

/* Asks again once a question or its answer is lost. */
#define LOST(me) ((members & ~heard & BIT(me)) && !asking[me] && !up??[me, ANSWER, eval(round), _, _, _, _])
proctype Clock() {
end:	do
	:: d_step { status == SUSPECTED && (LOST(0) || LOST(1)) -> find_core(); ask() }
	od
}

init {
	atomic {
		byte k;
		for (k : 0 .. N-1) {
			proc[k].holds = BIT(k);
			run Agent(k)
		}
		run Detector();
		run Clock();
		k = 0
	}
}

#define ON(p, q) (proc[p].wait & proc[q].holds)
#define standing (ON(0, 1) && ON(1, 0))

ltl eventual { <>[] standing -> <>[] (status == CONFIRMED) }
