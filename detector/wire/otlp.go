package wire

import "google.golang.org/protobuf/encoding/protowire"

// Field numbers of the OTLP messages that a batch is made of, by message.
const (
	requestResourceLogs protowire.Number = 1 // ExportLogsServiceRequest

	resourceLogsResource  protowire.Number = 1
	resourceLogsScopeLogs protowire.Number = 2

	resourceAttributes protowire.Number = 1

	scopeLogsScope   protowire.Number = 1
	scopeLogsRecords protowire.Number = 2

	scopeName protowire.Number = 1

	recordTime         protowire.Number = 1 // fixed64
	recordBody         protowire.Number = 5
	recordAttributes   protowire.Number = 6
	recordTraceID      protowire.Number = 9
	recordSpanID       protowire.Number = 10
	recordObservedTime protowire.Number = 11 // fixed64
	recordEventName    protowire.Number = 12

	keyValueKey   protowire.Number = 1
	keyValueValue protowire.Number = 2

	valueString protowire.Number = 1 // AnyValue, a oneof
	valueBool   protowire.Number = 2
	valueInt    protowire.Number = 3
	valueArray  protowire.Number = 5
	valueList   protowire.Number = 6 // KeyValueList

	arrayValues protowire.Number = 1
	listPairs   protowire.Number = 1
)

// scope names the instrumentation that makes the records.
const scope = "github.com/waitgraph/waitgraph/tracing"

// The events.
const (
	EventState     = "waitgraph.process.state"
	EventHeartbeat = "waitgraph.agent.heartbeat"
	EventAnswer    = "waitgraph.agent.answer"
)

// Attributes of the resource and of the events.
const (
	attrService     = "service.name"
	attrInstance    = "service.instance.id"
	attrHost        = "host.name"
	attrIncarnation = "waitgraph.agent.incarnation"

	attrProcess    = "waitgraph.process"
	attrActivation = "waitgraph.activation"
	attrEpoch      = "waitgraph.epoch"
	attrSeq        = "waitgraph.seq"
	attrAddition   = "waitgraph.addition"
	attrNeed       = "waitgraph.need"
	attrBreach     = "waitgraph.breach"
	attrEndedEpoch = "waitgraph.ended.epoch"
	attrEndedCause = "waitgraph.ended.cause"

	attrDigestCount = "waitgraph.digest.count"
	attrDigestSum   = "waitgraph.digest.sum"
	attrComplete    = "waitgraph.complete"
	attrAfter       = "waitgraph.part.after"
	attrThrough     = "waitgraph.part.through"
	attrLeaving     = "waitgraph.leaving"

	attrRound   = "waitgraph.round"
	attrMembers = "waitgraph.members"
)

// Keys in bodies.
const (
	keyWaits   = "waits"
	keyHolds   = "holds"
	keyMembers = "members"
	keyUnknown = "unknown"
	keyTaken   = "taken"

	keyResource = "resource"
	keyKind     = "kind"
	keySince    = "since"
	keyDeadline = "deadline"
	keyExchange = "exchange"
	keyRouting  = "key"
	keyHolders  = "holders"
	keyRefusals = "refusals"
	keyTraceID  = "trace_id"
	keySpanID   = "span_id"

	keyQueued = "queued"
	keyCloses = "closes"
	keyChain  = "chain"

	keyAgent       = "agent"
	keyIncarnation = "incarnation"
	keyProcess     = "process"
	keyActivation  = "activation"
	keyEpoch       = "epoch"
	keyReply       = "reply"
	keyPartial     = "partial"
	keyQueue       = "queue"
)
