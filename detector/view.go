package detector

import "time"

// Snapshot is the whole wait-for graph at one instant, sorted by key. What it
// shares with others is never changed, and you must not change it.
type Snapshot struct {
	Processes []Process
	Pools     []Pool
}

// Process is one blocked process in a Snapshot, or an active one that
// somebody waits for.
type Process struct {
	Member            // Waits is empty for an active process
	Hint       bool   // known only from call chains that others reported
	Deadlocked bool   // in the deadlocked set
	Verdict    string // the ID of the verdict to whose core it belongs, if any
}

// Stats counts what the detector has seen since it started. All but the
// gauges only grow.
type Stats struct {
	// Gauges.
	Agents      int  // heard within their lease
	Silent      int  // agents whose lease ran out less than 30 s ago, and whose OS process may live on
	Processes   int  // known to be blocked
	Waits       int  // resources waited for
	Deadlocked  int  // processes in the deadlocked set
	Standing    int  // verdicts suspected or confirmed
	Confirmed   int  // of them
	LastWorkers int  // pools that have come to their last worker
	Recovering  bool // since the start, not every agent has been heard out yet

	Reports      uint64 // states received
	Stale        uint64 // of them: older than what was known
	Gaps         uint64 // digests that did not match, each followed by a pull
	Questions    uint64
	Rejected     uint64 // suspected verdicts that were retracted
	Contradicted uint64
	Breaches     uint64 // processes that answered while they claimed to be blocked

	LastWorkersSeen uint64 // times that a pool came to its last worker

	TimedOut Foresight // blocked processes that gave up at a deadline
	Near     Foresight // blocked processes three quarters of whose time was used up

	// Flows are the waits by services: those of OtherServices, and then in the
	// order in which they were first seen. They are shared, and must not be
	// changed.
	Flows []Flow
}

// Config sets the detector's intervals. The zero value is not valid; start
// from DefaultConfig.
type Config struct {
	Lease    time.Duration // after this silence of an agent its waits end
	AskAgain time.Duration // between two rounds of questions about one candidate
	Remind   time.Duration // between two announcements of a standing verdict
}

// DefaultConfig returns intervals that fit agents with the default heartbeat
// of 500 ms.
func DefaultConfig() Config {
	return Config{Lease: 2 * time.Second, AskAgain: 100 * time.Millisecond, Remind: time.Second}
}
