// Package wire is how reports and questions travel between agents and
// detectors: which bytes, and by which exchanges and queues of the broker.
//
//	agent ──batch──▶ exchange "waitgraph" ──"report.#"──▶ queue of each detector
//	agent ◀─question── queue of the agent  ◀──────────────────────────  detector
//	agent ──answer (a batch)──▶ queue of the detector that asked
//
// # Batches
//
// A batch is an OTLP ExportLogsServiceRequest in protobuf, so any OpenTelemetry
// receiver can decode it. Each log record in it is an event, which carries the
// trace and span ID of the span that it is about. All records of a batch have
// one resource:
//
//	service.name                  string  of the agent's OS process
//	service.instance.id           string  the agent's name
//	host.name                     string
//	waitgraph.agent.incarnation   int
//
// The event waitgraph.process.state is the state of one process:
//
//	waitgraph.process             string  its name
//	waitgraph.activation          int
//	waitgraph.epoch               int
//	waitgraph.seq                 int
//	waitgraph.addition            bool    holds are added to those of the epoch
//	waitgraph.need                int     how many of the waits must be granted
//	waitgraph.breach              bool    it answered while it claimed to be blocked
//	waitgraph.ended.epoch         int     an epoch that ended
//	waitgraph.ended.cause         string  granted, timeout, cancelled, crashed
//	body: waits                   array of {resource, kind, since, deadline,
//	                              exchange, key, holders, refusals, trace_id, span_id}
//	body: holds                   array of {resource, kind, queued, closes, chain},
//	                              chain: array of {agent, incarnation, process,
//	                              activation, epoch, reply, deadline, partial}
//
// The event waitgraph.agent.heartbeat:
//
//	waitgraph.seq                 int     among the heartbeats of the incarnation, from 1
//	waitgraph.digest.count        int     reported states of blocked processes
//	waitgraph.digest.sum          int     report.Digest.Sum over them
//	waitgraph.complete            bool    the batch has all of them, or all of a part: of
//	                              the processes with an activation
//	waitgraph.part.after          int     above this
//	waitgraph.part.through        int     and not above this, if it is there
//	waitgraph.leaving             bool    the agent shuts down
//	body: members                 array of {process, activation, queue}
//
// The event waitgraph.agent.answer:
//
//	waitgraph.round               int     of the question
//	waitgraph.members             int     seq of the first heartbeat with the present members
//	body: unknown                 array of {process, activation}
//	body: taken                   array of string, the names of replies
//
// Times are ints, nanoseconds since 1970. Numbers that are unsigned in package
// report travel as the int with the same 64 bits. Trace and span IDs are lower
// case hex. Whatever is zero, empty or false is left out.
//
// A receiver ignores attributes, body keys and events that it does not know.
//
// # Questions
//
// A question is a JSON object with the members round, processes (objects of
// agent, incarnation, process and activation), replies and everything; 64-bit
// numbers are strings.
//
// # Promises
//
// What encodes also decodes, to the same value but for empty slices and for
// times beyond the reach of 64 bits (the years 1677 to 2262). Decoding takes
// time and memory in proportion to the input, whose size is bounded, whoever
// made it, and what it returns has passed validation. Bytes are read and
// written without the generated OTLP types: those turn two hostile bytes into
// a hundred.
package wire
