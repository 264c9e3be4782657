package detector

import "github.com/waitgraph/waitgraph/detector/report"

// Event is something that the detector is told. The kinds are Reported,
// Unreachable and QueueCounted.
type Event interface {
	apply(d *Detector)
}

// Reported is a batch from an agent. It must have passed report.Batch.Validate.
type Reported struct {
	Batch *report.Batch
}

// Unreachable says that a question found no agent: the broker returned it.
type Unreachable struct {
	Agent report.Agent
	Round uint64 // of the question
}

// QueueCounted answers CountQueue with the broker's own figures.
type QueueCounted struct {
	Round     uint64
	Queue     string
	Consumers int
	Ready     int    // messages that no consumer has been sent
	Err       string // why there are no figures; empty if there are
}

// Effect is something that the detector wants done. The kinds are Ask,
// CountQueue and Announce.
type Effect interface {
	effect()
}

// Ask sends a question to an agent. Its answer comes back as Reported.
type Ask struct {
	Agent    report.Agent
	Question report.Question
}

// CountQueue asks the broker how many consumers and ready messages a queue has.
type CountQueue struct {
	Round uint64
	Queue string
}

// Announce publishes one step in the life of a verdict, or repeats that a
// standing one stands.
type Announce struct {
	Verdict Verdict
	// Again says that the verdict has made no step since the last
	// announcement: it still stands, perhaps for another reason.
	Again bool
}

func (Ask) effect()        {}
func (CountQueue) effect() {}
func (Announce) effect()   {}
