package wire

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// EncodeBatch encodes a batch that was made now. It fails with
// report.ErrInvalid or ErrTooLarge.
func EncodeBatch(now time.Time, b *report.Batch) ([]byte, error) {
	if err := b.Validate(); err != nil {
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	e := encoder{writer: &writer{b: make([]byte, 0, 256+768*len(b.States))}, now: nanos(now)}
	e.message(requestResourceLogs, func() {
		e.message(resourceLogsResource, func() { e.resource(b) })
		e.message(resourceLogsScopeLogs, func() {
			e.message(scopeLogsScope, func() { e.string(scopeName, scope) })
			e.records(b)
		})
	})
	if len(e.b) > MaxMessage {
		return nil, fmt.Errorf("encode batch: %w: %d bytes", ErrTooLarge, len(e.b))
	}
	return e.b, nil
}

type encoder struct {
	*writer
	now uint64
}

func (e encoder) resource(b *report.Batch) {
	a := pairs{e.writer, resourceAttributes}
	a.text(attrService, b.Service)
	a.text(attrInstance, b.Agent.Name)
	a.text(attrHost, b.Host)
	a.number(attrIncarnation, b.Agent.Incarnation)
}

func (e encoder) records(b *report.Batch) {
	for i := range b.States {
		e.event(EventState, func(attr pairs) { e.state(attr, &b.States[i]) })
	}
	if h := b.Heartbeat; h != nil {
		e.event(EventHeartbeat, func(attr pairs) { e.heartbeat(attr, h) })
	}
	if a := b.Answer; a != nil {
		e.event(EventAnswer, func(attr pairs) { e.answer(attr, a) })
	}
}

func (e encoder) event(name string, fill func(attr pairs)) {
	e.message(scopeLogsRecords, func() {
		e.fixed64(recordTime, e.now)
		e.fixed64(recordObservedTime, e.now)
		e.string(recordEventName, name)
		fill(pairs{e.writer, recordAttributes})
	})
}

// body appends a body that is a key-value list.
func (e encoder) body(fill func(list pairs)) {
	e.message(recordBody, func() {
		e.message(valueList, func() { fill(pairs{e.writer, listPairs}) })
	})
}

func (e encoder) state(attr pairs, s *report.State) {
	attr.text(attrProcess, s.Key.Process)
	attr.number(attrActivation, s.Key.Activation)
	attr.number(attrEpoch, s.Epoch)
	attr.number(attrSeq, s.Seq)
	attr.flag(attrAddition, s.Addition)
	attr.number(attrNeed, uint64(s.Need))
	attr.flag(attrBreach, s.Breach)
	if s.Ended != nil {
		attr.number(attrEndedEpoch, s.Ended.Epoch)
		attr.text(attrEndedCause, s.Ended.Cause.String())
	}
	if len(s.Waits) > 0 {
		e.about(s.Waits[0].Trace)
	}
	if len(s.Waits)+len(s.Holds) == 0 {
		return
	}
	e.body(func(list pairs) {
		list.lists(keyWaits, len(s.Waits), func(i int, list pairs) { appendWait(list, &s.Waits[i]) })
		list.lists(keyHolds, len(s.Holds), func(i int, list pairs) { appendHold(list, &s.Holds[i]) })
	})
}

// about says which span a record is about.
func (e encoder) about(t report.TraceContext) {
	if t.TraceID != [16]byte{} {
		e.bytes(recordTraceID, t.TraceID[:])
	}
	if t.SpanID != [8]byte{} {
		e.bytes(recordSpanID, t.SpanID[:])
	}
}

func appendWait(list pairs, w *report.Wait) {
	list.text(keyResource, string(w.Resource))
	list.text(keyKind, w.Kind.String())
	list.time(keySince, w.Since)
	list.time(keyDeadline, w.Deadline)
	list.text(keyExchange, w.Destination.Exchange)
	list.text(keyRouting, w.Destination.Key)
	if w.Holders > 0 {
		list.number(keyHolders, uint64(w.Holders))
	}
	if w.Refusals > 0 {
		list.number(keyRefusals, uint64(w.Refusals))
	}
	if w.Trace.TraceID != [16]byte{} {
		list.text(keyTraceID, hex.EncodeToString(w.Trace.TraceID[:]))
	}
	if w.Trace.SpanID != [8]byte{} {
		list.text(keySpanID, hex.EncodeToString(w.Trace.SpanID[:]))
	}
}

func appendHold(list pairs, h *report.Hold) {
	list.text(keyResource, string(h.Resource))
	list.text(keyKind, h.Kind.String())
	list.flag(keyQueued, h.Queued)
	list.flag(keyCloses, h.Closes)
	list.lists(keyChain, len(h.Chain), func(i int, list pairs) { appendHop(list, &h.Chain[i]) })
}

func appendHop(list pairs, h *report.Hop) {
	list.text(keyAgent, h.Key.Agent.Name)
	list.number(keyIncarnation, h.Key.Agent.Incarnation)
	list.text(keyProcess, h.Key.Process)
	list.number(keyActivation, h.Key.Activation)
	list.number(keyEpoch, h.Epoch)
	list.text(keyReply, string(h.Reply))
	list.time(keyDeadline, h.Deadline)
	list.flag(keyPartial, h.Partial)
}

func (e encoder) heartbeat(attr pairs, h *report.Heartbeat) {
	attr.number(attrSeq, h.Seq)
	attr.number(attrDigestCount, h.Digest.Count)
	attr.number(attrDigestSum, h.Digest.Sum)
	attr.flag(attrComplete, h.Complete)
	attr.number(attrAfter, h.Part.After)
	attr.number(attrThrough, h.Part.Through)
	attr.flag(attrLeaving, h.Leaving)
	if len(h.Members) == 0 {
		return
	}
	e.body(func(list pairs) {
		list.lists(keyMembers, len(h.Members), func(i int, list pairs) {
			list.text(keyProcess, h.Members[i].Key.Process)
			list.number(keyActivation, h.Members[i].Key.Activation)
			list.text(keyQueue, h.Members[i].Queue)
		})
	})
}

func (e encoder) answer(attr pairs, a *report.Answer) {
	attr.number(attrRound, a.Round)
	attr.number(attrMembers, a.Members)
	if len(a.Unknown)+len(a.Taken) == 0 {
		return
	}
	e.body(func(list pairs) {
		list.lists(keyUnknown, len(a.Unknown), func(i int, list pairs) {
			list.text(keyProcess, a.Unknown[i].Process)
			list.number(keyActivation, a.Unknown[i].Activation)
		})
		list.array(keyTaken, len(a.Taken), func(i int) { e.string(valueString, string(a.Taken[i])) })
	})
}
