// Package history keeps deadlocks across restarts, so that last Tuesday's can be
// found, and how often the same pattern came before.
//
//	teller ──Add──▶ [bounded] ──▶ Store.Run ──▶ one file
//	HTTP API ──Query, Get, Recall──────────────────┘
//
// A deadlock is kept from its confirmation on, and again when it has ended: with
// its explanation as it was announced, and its proof. One that has ended without
// having been confirmed is kept, too; a suspicion that was retracted is none, and
// is not. A detector that starts in the middle of a deadlock finds it under the
// same ID, and continues what is kept of it.
//
// # Patterns
//
// What recurs is a pattern: who, by service and by name without what looks like
// an ID, waits for what, likewise. Its fingerprint is the same for the ring of
// server_a:42 and server_b:42 and for that of server_b:7 and server_a:7, wherever
// the listing of the ring begins. Of a knot neither order nor number counts, so
// that a pool exhausted by eight workers is one with the same pool exhausted by
// nine.
//
// # The store
//
// It is a log: a file to which each step of a deadlock is appended, compressed and
// under a checksum. In memory is an index, a few hundred bytes for a deadlock, which is
// read from the heads of the records when the file is opened. What a deadlock was
// before lies in the file until that is rewritten, into another which then takes
// its name.
//
// It is no embedded database. Deadlocks are few and are read by time; what matters
// is that nothing in a file can take down the detector beside it. bbolt maps a file
// whose pages have no checksums, so that one changed byte can crash or hang the
// process. Badger and Pebble check what they read, and bring background work for a
// rate of writing that deadlocks do not have; SQLite brings a compiler's worth of
// code for queries that are one range.
//
// # Damage
//
// Any bytes in the file may change. A record is as it was written, or it is passed
// over, counted and told, and behind it the next one is found. A frame that was
// begun when the process or the machine stopped is cut off. A file that was moved
// away or cut by others is begun afresh. A file that is none of ours is left as it
// is: the store says so and keeps nothing until it has been moved away, for which
// it looks every half minute.
//
// Nothing of this touches the detector: Add never blocks, what the store is too
// slow for or cannot write is dropped, counted and told.
//
// # Bounds
//
// The oldest are forgotten when they are older than Config.Age, or when those
// that are kept take more than a third of Config.Size. The file takes at most two
// thirds, and while it is rewritten the other one at most the rest. A proof of
// more than 1/64 of it or 4 MiB, compressed, is not kept. A page ends where its
// deadlocks take [MaxBytes], and who reads has the lock for one record at a time.
package history
