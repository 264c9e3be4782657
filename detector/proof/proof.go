// Package proof is the form in which a confirmed verdict shows why it is right:
// plain values, in Go and in JSON, with everything that is needed to check them
// and no way to ask anybody.
//
//	      reported     begun_at   counted (queues)   asked_at   answered (each agent)
//	──────────┼───────────┼──────────────┼──────────────┼──────────────┼──▶ detector's clock
//	 Member.Before: epoch e                                  Member.After: epoch e
//	 held: r                                                 held: r
//
// What is claimed is that from the beginning to the asking every member was
// blocked, and that nobody but members could grant what it needs, in queues when
// they were counted. It follows from what was said before and after: a wait epoch
// lasts without a break, and what is held in it stays held. docs/theory.md has the argument, and package
// verify checks a proof.
//
// # JSON
//
// The JSON form is that of the fields below. Times are RFC 3339 in UTC, agents
// name#incarnation with the incarnation in base 36; numbers need 64 bits. What
// is empty is left out where the field says omitempty. Lists are sorted.
//
// A verdict may since have lost members, whose waits ended: a proof is about the
// members that it names, at the moment that it names.
package proof

import "time"

// Proof is the proof of one verdict.
type Proof struct {
	Round     uint64    `json:"round"` // of questions, numbered by the detector
	Begun     time.Time `json:"begun_at"`
	Asked     time.Time `json:"asked_at"`
	Concluded time.Time `json:"concluded_at"`
	Members   []Member  `json:"members"`
	// Replies are the requests, by the names of their replies, of which every
	// agent was asked whether one of its processes has taken them.
	Replies []string `json:"replies,omitempty"`
	Answers []Answer `json:"answers"` // of all agents that were asked
	// Queues are those in which requests lie that nobody has taken, or that have
	// no space.
	Queues []Queue `json:"queues,omitempty"`
}

// Process names one life of one process, as one agent saw it.
type Process struct {
	Name       string `json:"process"`
	Agent      string `json:"agent"` // name#incarnation
	Activation uint64 `json:"activation"`
}

// Member is one process that could not go on.
type Member struct {
	Process
	Before State `json:"before"` // as the detector knew it when it began
	After  State `json:"after"`  // as its agent answered
	// Edges say of each wait who could grant it, in the order of After.Waits.
	Edges []Edge `json:"edges"`
}

// State is what a process waited for and held at one instant.
type State struct {
	Epoch uint64 `json:"epoch"` // the wait epoch
	// Seq is the number of the report; 0 if the process itself had reported
	// nothing, and is known from call chains.
	Seq uint64 `json:"seq"`
	// Hinted names the processes whose requests told of this one in their call
	// chains, if it had reported nothing of this epoch itself.
	Hinted []Process `json:"hinted_by,omitempty"`
	Need   int       `json:"need"` // of Waits
	// Waits are those that were the same before and after. A member that waited for
	// others besides needed them all.
	Waits []Wait `json:"waits"`
	// Holds are the names of the resources that it could grant, of those for
	// which members wait.
	Holds []string `json:"holds"`
}

// Wait is one resource that a process waits for.
type Wait struct {
	Resource string    `json:"resource"`
	Kind     string    `json:"kind"`           // reply, lock, permit, buffer, queue, item
	Since    time.Time `json:"since,omitzero"` // by the agent's clock
	Deadline time.Time `json:"deadline,omitzero"`
	Exchange string    `json:"exchange,omitempty"` // where the request went
	Key      string    `json:"key,omitempty"`      // with which routing key
	// Holders is how many processes can grant the resource altogether, by the
	// waiter's own word; 0 if it cannot tell.
	Holders int `json:"holders,omitempty"`
	// Refusals is how often space in a queue had been refused, by the waiter's own
	// tries: after the asking as its agent answered, before it as it had answered
	// when it was asked for the first time about the same core.
	Refusals int `json:"refusals,omitempty"`
}

// Edge says who could grant a wait.
type Edge struct {
	Resource string `json:"resource"`
	// Open says why the resource is taken for granted; nothing hangs on such
	// an edge. Empty: it could be granted only by members that could not go on.
	Open string `json:"open,omitempty"`
	// Queue is where the request lies that nobody has taken, or where there is
	// no space: then any consumer of the queue could grant the resource, and
	// Holders is empty.
	Queue   string    `json:"queue,omitempty"`
	Holders []Process `json:"holders,omitempty"`
}

// Answer is one agent's answer to the questions of the round.
type Answer struct {
	Agent string    `json:"agent"`
	Round uint64    `json:"round"`
	At    time.Time `json:"at"` // when it came
	// Taken are those of Replies that it has taken; it denies all others.
	Taken []string `json:"taken,omitempty"`
}

// Queue is what is known of a queue in which requests lie untaken, or for space in
// which somebody waits.
type Queue struct {
	Name      string    `json:"queue"`
	Consumers []Process `json:"consumers"` // as their agents reported them
	Round     uint64    `json:"round"`
	At        time.Time `json:"at"`             // when the broker's figures came
	Counted   int       `json:"consumer_count"` // by the broker
	Ready     int       `json:"ready"`          // messages that lie in it, by the broker
}
