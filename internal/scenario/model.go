package scenario

import (
	"math/rand/v2"
	"time"
)

// Scenario is a parsed file. Groups are expanded: of a service with a count
// there are as many services, named NAME/1, NAME/2 and so on.
type Scenario struct {
	Name     string        // of the file, without folder and extension
	Proves   string        // the first comment
	For      time.Duration // how long a run lasts at most
	Guards   []Guard
	Services []Service
	Sessions []Session
	Faults   []Fault // in the order of their times
	Expect   Expectation
}

// Guard is a lock or, with Permit, a semaphore.
type Guard struct {
	Name   string
	Size   int  // how many may hold it at a time
	Permit bool // a semaphore, even one of size 1
}

// Service is a queue and the processes that consume it.
type Service struct {
	Name     string
	Replicas []string // OS processes, each with an agent of its own
	Workers  int      // consumers of the queue in each replica
	Prefetch int      // requests that a worker takes at a time; 0: all that come
	// Buffer is how many messages that nobody waits for may be on their way to
	// the service; who sends one more waits. 0: without a limit.
	Buffer    int
	Reentrant bool // serves requests of its own call chain while it waits
	Unwatched int  // workers, the last ones, that no agent watches
	Does      []Step
}

// Session is a process that runs a program of its own, once.
type Session struct {
	Name      string
	Unwatched bool
	Does      []Step
}

// Verb is what a step does.
type Verb string

// The verbs.
const (
	Wait   Verb = "wait"   // works for a time: it is not blocked
	Call   Verb = "call"   // sends requests and waits for replies
	Send   Verb = "send"   // sends a message that nobody waits for
	Lock   Verb = "lock"   // takes a lock, and holds it while it does Do
	Permit Verb = "permit" // the same with a permit of a semaphore
	Answer Verb = "answer" // replies to the request being handled, and goes on
	Repeat Verb = "repeat" // does Do again and again
)

// Step is one step of a program.
type Step struct {
	Verb    Verb
	For     Span     // Wait
	To      []Target // Call, Send
	Need    int      // Call: how many of To must reply
	Guard   string   // Lock, Permit
	Do      []Step   // Lock, Permit, Repeat; a guard without any is held to the end of the program
	Times   int      // Repeat
	Timeout Span     // of a wait; zero is for ever
	Catch   bool     // a timeout is caught; otherwise it crashes the process
	Cancel  Span     // after which a call is given up, its process going on; zero is never
	// Inserted says that Explore put this wait in.
	Inserted bool
}

// Target is a service that is sent a request.
type Target struct {
	Service string
	// Do is what the service does about this request if Own is set, instead of
	// what it does otherwise.
	Do  []Step
	Own bool
}

// Span is a duration, fixed or drawn from a range.
type Span struct{ Min, Max time.Duration }

// Zero reports whether there is none.
func (s Span) Zero() bool { return s.Max == 0 }

// Fixed reports whether the span leaves nothing to chance.
func (s Span) Fixed() bool { return s.Min == s.Max }

// Draw returns a duration of the range.
func (s Span) Draw(rng *rand.Rand) time.Duration {
	if s.Fixed() {
		return s.Min
	}
	return s.Min + time.Duration(rng.Int64N(int64(s.Max-s.Min)+1))
}

// String returns the span as it is written in a file.
func (s Span) String() string {
	if s.Fixed() {
		return s.Min.String()
	}
	return s.Min.String() + ".." + s.Max.String()
}

// Action is what a fault does.
type Action string

// The actions.
const (
	Kill      Action = "kill"      // ends its target without a word; a process: as a crash
	Pause     Action = "pause"     // its target does nothing for a time
	Drop      Action = "drop"      // closes a replica's connection to the broker
	Partition Action = "partition" // parts replicas' agents from the detector
)

// Part is what a fault befalls.
type Part string

// The parts.
const (
	Process  Part = "process"
	Replica  Part = "replica"
	Agent    Part = "agent"
	Detector Part = "detector"
)

// Fault is something that goes wrong at a time.
type Fault struct {
	At      time.Duration
	Action  Action
	Part    Part
	Names   []string      // of processes or replicas; of a partition: none is all
	Lasting time.Duration // 0: for good
}

// Outcome is what is expected of a run.
type Outcome string

// The outcomes.
const (
	Silence  Outcome = "silence"  // no deadlock, no confirmed verdict
	Either   Outcome = "either"   // whatever is true
	Verdicts Outcome = "verdicts" // those that are listed, and no others
)

// Expectation is what is expected of every run.
type Expectation struct {
	Outcome  Outcome
	Verdicts []Expected
}

// Expected is a confirmed verdict that is expected.
type Expected struct {
	Kind     string // self, cycle or knot
	Core     []Crowd
	Behind   []Crowd       // collateral, if Listed
	Listed   bool          // Behind is complete
	Within   time.Duration // from the forming of the deadlock to its confirmation; 0: not asked
	At       Window        // when it is confirmed; zero: not asked
	Resolved string        // how it ends, as detector.Verdict.Cause says; empty: not asked
}

// Crowd is a number of processes. Name is that of a process or of what it
// belongs to: the service, the group or the replica.
type Crowd struct {
	Name  string
	Count int
}

// Window is a part of a run.
type Window struct{ From, To time.Duration }
