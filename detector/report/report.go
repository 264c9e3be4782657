package report

import (
	"strconv"
	"time"
)

// Agent names one life of the part of waitgraph inside one instrumented OS
// process. Incarnations of one name increase.
type Agent struct {
	Name        string
	Incarnation uint64
}

// String returns the agent as name#incarnation, the incarnation in base 36.
func (a Agent) String() string {
	return a.Name + "#" + strconv.FormatUint(a.Incarnation, 36)
}

// Key identifies one life of one process as one agent saw it. After a failover
// two agents may both speak of the same process name, so the name alone
// identifies nothing.
type Key struct {
	Agent      Agent
	Process    string
	Activation uint64 // numbered by the agent, never reused within an incarnation
}

// String returns the key as process@agent#incarnation!activation.
func (k Key) String() string {
	return k.Process + "@" + k.Agent.String() + "!" + strconv.FormatUint(k.Activation, 36)
}

// Resource is the cluster-wide name of something a process can wait for.
type Resource string

// Kind is the kind of a resource.
type Kind uint8

// The kinds of resource.
const (
	Reply  Kind = iota + 1 // the answer to one request; its name is never reused
	Lock                   // a lock; its name is used again and again
	Permit                 // one unit of a semaphore or pool
	Buffer                 // space in a bounded buffer
	Queue                  // being taken up by a consumer
	Item                   // something to take out of a buffer
)

var kindNames = [...]string{Reply: "reply", Lock: "lock", Permit: "permit", Buffer: "buffer", Queue: "queue", Item: "item"}

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool { return k >= Reply && k <= Item }

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if !k.Valid() {
		return "kind(" + strconv.Itoa(int(k)) + ")"
	}
	return kindNames[k]
}

// ParseKind returns the kind that String names; ok is false for other names.
func ParseKind(name string) (kind Kind, ok bool) {
	for k := Reply; k <= Item; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// Destination says where a request was published. With the default exchange
// (the empty name) Key is the name of the queue.
type Destination struct {
	Exchange, Key string
}

// Queue returns the queue that the destination names directly; ok is false
// where bindings decide.
func (d Destination) Queue() (name string, ok bool) {
	return d.Key, d.Exchange == "" && d.Key != ""
}

// TraceContext is the W3C trace and span ID of the span that a wait is about;
// zero when there is none.
type TraceContext struct {
	TraceID [16]byte
	SpanID  [8]byte
}

// Wait is one resource that a blocked process waits for.
type Wait struct {
	Resource    Resource
	Kind        Kind
	Since       time.Time    // by the reporter's clock
	Deadline    time.Time    // when the waiter gives up; zero if it never does
	Destination Destination  // where the request went, for a Reply
	Trace       TraceContext // for people and tracing tools, never for joining
	// Holders is how many processes can grant the resource altogether, 0 if the
	// waiter cannot tell: the size of a semaphore, each of whose permits is held
	// by a process of its own, or those attached to the other end of a buffer.
	// It stays the same for as long as the wait epoch lasts.
	Holders int
	// Refusals is how often space for it has been refused so far, by the waiter's
	// own tries; 0 where it does not try. For a Buffer that is a queue of the
	// broker: space in it is granted by consuming, silently.
	Refusals int
}

// Hold is one resource that a process can grant.
type Hold struct {
	Resource Resource
	Kind     Kind
	// Queued says that the request whose reply is owed is waiting behind the
	// one that the process is working on.
	Queued bool
	// Closes says that the agent found the process itself, on its present
	// wait, in the chain of this request: it waits for itself.
	Closes bool
	// Chain is the call chain of that request, outermost first. The last hop
	// is the process that waits for Resource.
	Chain []Hop
}

// Hop is one process in a call chain and the reply on which it is blocked.
type Hop struct {
	Key      Key
	Epoch    uint64
	Reply    Resource
	Deadline time.Time // zero if the process waits without a limit
	// Partial says that the process does not need this very reply to go on,
	// so that the hop is no wait by itself.
	Partial bool
}

// Cause says how a wait epoch ended.
type Cause uint8

// The causes.
const (
	Granted   Cause = iota + 1 // what it waited for was granted
	TimedOut                   // its deadline passed
	Cancelled                  // it gave up before its deadline
	Crashed                    // its process crashed or stopped
)

var causeNames = [...]string{Granted: "granted", TimedOut: "timeout", Cancelled: "cancelled", Crashed: "crashed"}

// Valid reports whether c is one of the causes above.
func (c Cause) Valid() bool { return c >= Granted && c <= Crashed }

// String returns the cause's name in lower case.
func (c Cause) String() string {
	if !c.Valid() {
		return "cause(" + strconv.Itoa(int(c)) + ")"
	}
	return causeNames[c]
}

// ParseCause returns the cause that String names; ok is false for other names.
func ParseCause(name string) (cause Cause, ok bool) {
	for c := Granted; c <= Crashed; c++ {
		if causeNames[c] == name {
			return c, true
		}
	}
	return 0, false
}

// State is what one process waits for and holds at one instant.
type State struct {
	Key   Key
	Epoch uint64 // the current wait epoch or, without waits, the last one
	Seq   uint64 // increases by one with each report of this Key, answers included
	// Addition says that the report adds Holds to those of its epoch and
	// leaves the rest as it was; it has no Waits. Otherwise the report is
	// complete and replaces what was known.
	Addition bool
	Waits    []Wait // empty while the process is active
	// Need is how many of Waits must be granted before the process goes on:
	// len(Waits) is the AND model, 1 the OR model.
	Need  int
	Holds []Hold
	// Ended says how the last epoch ended that the agent had reported for
	// this Key: set when the process goes on, or begins another one.
	Ended *End
	// Breach says that the process answered a request while it claimed to be
	// blocked, so that its waits cannot be trusted.
	Breach bool
}

// End says how one epoch ended.
type End struct {
	Epoch uint64
	Cause Cause
}

// Member says that a process consumes from a queue and so can take up any
// request in it.
type Member struct {
	Key   Key
	Queue string
}

// Heartbeat is sent at a steady interval. It lets the detector notice what it
// has missed and renews the agent's lease.
type Heartbeat struct {
	Seq     uint64   // numbers the heartbeats of one incarnation, from 1
	Digest  Digest   // of the agent's complete set of reported blocked states
	Members []Member // complete: every queue that a process of this agent consumes
	// Complete says that the batch holds every reported state of the agent's
	// processes in Part: what it omits of them is gone. A set that is too large
	// for one message comes in parts.
	Complete bool
	Part     Part
	// Leaving says that the agent shuts down in good order.
	Leaving bool
}

// Part is a range of an agent's processes by their Activation, all of them if it is
// zero.
type Part struct {
	After   uint64
	Through uint64 // 0: without an end
}

// Has reports whether a process is in the part.
func (p Part) Has(k Key) bool {
	return k.Activation > p.After && (p.Through == 0 || k.Activation <= p.Through)
}

// Answer marks a batch as the answer to a Question. The batch holds the
// present state of every process asked about that the agent has.
type Answer struct {
	Round   uint64     // of the question
	Unknown []Key      // asked about, but not known to this agent (any more)
	Taken   []Resource // those of Question.Replies whose request was received within the agent's memory
	Members uint64     // the number of the first heartbeat that tells of the present members, 0 if there never were any
}

// Batch is one message from an agent.
type Batch struct {
	Agent     Agent
	Service   string // service.name of the agent's OS process
	Host      string // host.name, may be empty
	States    []State
	Heartbeat *Heartbeat
	Answer    *Answer
}

// Question is what the detector asks an agent.
type Question struct {
	Round     uint64
	Processes []Key
	Replies   []Resource // requests that nobody is known to have taken
	// Everything asks for the complete set of states and a heartbeat
	// instead, or for its next part: the answer to a digest that does not match.
	Everything bool
}
