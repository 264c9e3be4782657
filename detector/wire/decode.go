package wire

import (
	"errors"
	"fmt"
	"math"

	"github.com/waitgraph/waitgraph/detector/report"
)

// MaxMessage is the greatest size of a batch in bytes: what RabbitMQ 4 takes
// by default.
const MaxMessage = 16 << 20

var (
	// ErrMalformed is wrapped by the errors about bytes that are no batch or
	// no question.
	ErrMalformed = errors.New("malformed message")
	// ErrTooLarge is wrapped by the errors about messages beyond their limit.
	ErrTooLarge = errors.New("message too large")
)

// Decoder decodes batches. The zero value is ready for use, by one goroutine.
type Decoder struct {
	// Skipped counts the log records that are none of the events of this
	// package.
	Skipped uint64
}

// DecodeBatch decodes a batch with a Decoder of its own.
func DecodeBatch(data []byte) (*report.Batch, error) {
	return new(Decoder).Batch(data)
}

// Batch decodes and validates a batch; it shares no memory with data. It fails
// with ErrMalformed, ErrTooLarge or report.ErrInvalid.
func (d *Decoder) Batch(data []byte) (*report.Batch, error) {
	b, err := d.batch(data)
	if err == nil {
		err = b.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("decode batch: %w", err)
	}
	return b, nil
}

func (d *Decoder) batch(data []byte) (*report.Batch, error) {
	if len(data) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	logs, err := only(data, requestResourceLogs, "resource")
	if err != nil {
		return nil, err
	}
	b := new(report.Batch)
	if err := decodeResource(logs, b); err != nil {
		return nil, err
	}
	return b, fields(logs, func(scope field) error {
		if !scope.holds(resourceLogsScopeLogs) {
			return nil
		}
		return fields(scope.bytes, func(record field) error {
			if !record.holds(scopeLogsRecords) {
				return nil
			}
			return d.record(record.bytes, b)
		})
	})
}

// record adds what one log record says to a batch.
func (d *Decoder) record(msg []byte, b *report.Batch) error {
	var event string
	var body value
	err := fields(msg, func(f field) (err error) {
		switch {
		case f.holds(recordEventName):
			event = string(f.bytes)
		case f.holds(recordBody):
			body, err = parseValue(f.bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	switch event {
	case EventState:
		err = decodeState(msg, body, b)
	case EventHeartbeat:
		err = decodeHeartbeat(msg, body, b)
	case EventAnswer:
		err = decodeAnswer(msg, body, b)
	default:
		d.Skipped++
	}
	return err
}

func decodeResource(logs []byte, b *report.Batch) error {
	return fields(logs, func(resource field) error {
		if !resource.holds(resourceLogsResource) {
			return nil
		}
		return fields(resource.bytes, func(f field) error {
			if !f.holds(resourceAttributes) {
				return nil
			}
			return visitPair(f.bytes, func(key []byte, v value) error {
				switch string(key) {
				case attrService:
					return text(v, &b.Service)
				case attrInstance:
					return text(v, &b.Agent.Name)
				case attrHost:
					return text(v, &b.Host)
				case attrIncarnation:
					return v.number(&b.Agent.Incarnation)
				}
				return nil
			})
		})
	})
}

func decodeState(msg []byte, body value, b *report.Batch) error {
	if len(b.States) == report.MaxStates {
		return fmt.Errorf("%w: more than %d states", ErrMalformed, report.MaxStates)
	}
	s := report.State{Key: report.Key{Agent: b.Agent}}
	var need uint64
	var end report.End
	err := attributes(msg, func(key []byte, v value) error {
		switch string(key) {
		case attrProcess:
			return text(v, &s.Key.Process)
		case attrActivation:
			return v.number(&s.Key.Activation)
		case attrEpoch:
			return v.number(&s.Epoch)
		case attrSeq:
			return v.number(&s.Seq)
		case attrAddition:
			return v.flag(&s.Addition)
		case attrNeed:
			return v.number(&need)
		case attrBreach:
			return v.flag(&s.Breach)
		case attrEndedEpoch:
			return v.number(&end.Epoch)
		case attrEndedCause:
			s.Ended = &end
			return name(v, report.ParseCause, &end.Cause)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if need > math.MaxInt32 {
		return fmt.Errorf("%w: needs %d", ErrMalformed, need)
	}
	s.Need = int(need)
	if err := decodeWaitsAndHolds(body, &s); err != nil {
		return err
	}
	b.States = append(b.States, s)
	return nil
}

func decodeWaitsAndHolds(body value, s *report.State) error {
	return entries(body, func(key []byte, v value) (err error) {
		switch string(key) {
		case keyWaits:
			s.Waits, err = list(v, report.MaxWaits, decodeWait)
		case keyHolds:
			s.Holds, err = list(v, report.MaxHolds, decodeHold)
		}
		return err
	})
}

func decodeWait(v value) (w report.Wait, err error) {
	err = v.eachPair(func(key []byte, v value) error {
		switch string(key) {
		case keyResource:
			return text(v, &w.Resource)
		case keyKind:
			return name(v, report.ParseKind, &w.Kind)
		case keySince:
			return v.time(&w.Since)
		case keyDeadline:
			return v.time(&w.Deadline)
		case keyExchange:
			return text(v, &w.Destination.Exchange)
		case keyRouting:
			return text(v, &w.Destination.Key)
		case keyHolders:
			return v.count(&w.Holders)
		case keyRefusals:
			return v.count(&w.Refusals)
		case keyTraceID:
			return v.id(w.Trace.TraceID[:])
		case keySpanID:
			return v.id(w.Trace.SpanID[:])
		}
		return nil
	})
	return w, required(err, keyResource, string(w.Resource))
}

func decodeHold(v value) (h report.Hold, err error) {
	err = v.eachPair(func(key []byte, v value) (err error) {
		switch string(key) {
		case keyResource:
			err = text(v, &h.Resource)
		case keyKind:
			err = name(v, report.ParseKind, &h.Kind)
		case keyQueued:
			err = v.flag(&h.Queued)
		case keyCloses:
			err = v.flag(&h.Closes)
		case keyChain:
			h.Chain, err = list(v, report.MaxChain, decodeHop)
		}
		return err
	})
	return h, required(err, keyResource, string(h.Resource))
}

func decodeHop(v value) (h report.Hop, err error) {
	err = v.eachPair(func(key []byte, v value) error {
		switch string(key) {
		case keyAgent:
			return text(v, &h.Key.Agent.Name)
		case keyIncarnation:
			return v.number(&h.Key.Agent.Incarnation)
		case keyProcess:
			return text(v, &h.Key.Process)
		case keyActivation:
			return v.number(&h.Key.Activation)
		case keyEpoch:
			return v.number(&h.Epoch)
		case keyReply:
			return text(v, &h.Reply)
		case keyDeadline:
			return v.time(&h.Deadline)
		case keyPartial:
			return v.flag(&h.Partial)
		}
		return nil
	})
	return h, required(err, keyReply, string(h.Reply))
}

func decodeHeartbeat(msg []byte, body value, b *report.Batch) error {
	h := new(report.Heartbeat)
	b.Heartbeat = h
	err := attributes(msg, func(key []byte, v value) error {
		switch string(key) {
		case attrSeq:
			return v.number(&h.Seq)
		case attrDigestCount:
			return v.number(&h.Digest.Count)
		case attrDigestSum:
			return v.number(&h.Digest.Sum)
		case attrComplete:
			return v.flag(&h.Complete)
		case attrAfter:
			return v.number(&h.Part.After)
		case attrThrough:
			return v.number(&h.Part.Through)
		case attrLeaving:
			return v.flag(&h.Leaving)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return entries(body, func(key []byte, v value) (err error) {
		if string(key) == keyMembers {
			h.Members, err = list(v, report.MaxMembers, func(v value) (m report.Member, err error) {
				m.Key, m.Queue, err = decodeMember(v, b.Agent)
				return m, required(err, keyQueue, m.Queue)
			})
		}
		return err
	})
}

// decodeMember reads a process of the agent and the queue that it consumes.
func decodeMember(v value, a report.Agent) (k report.Key, queue string, err error) {
	k.Agent = a
	err = v.eachPair(func(key []byte, v value) error {
		switch string(key) {
		case keyProcess:
			return text(v, &k.Process)
		case keyActivation:
			return v.number(&k.Activation)
		case keyQueue:
			return text(v, &queue)
		}
		return nil
	})
	return k, queue, required(err, keyProcess, k.Process)
}

func decodeAnswer(msg []byte, body value, b *report.Batch) error {
	a := new(report.Answer)
	b.Answer = a
	err := attributes(msg, func(key []byte, v value) error {
		switch string(key) {
		case attrRound:
			return v.number(&a.Round)
		case attrMembers:
			return v.number(&a.Members)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return entries(body, func(key []byte, v value) (err error) {
		switch string(key) {
		case keyUnknown:
			a.Unknown, err = list(v, report.MaxStates, func(v value) (report.Key, error) {
				k, _, err := decodeMember(v, b.Agent)
				return k, err
			})
		case keyTaken:
			a.Taken, err = list(v, report.MaxHolds, func(v value) (r report.Resource, err error) {
				err = text(v, &r)
				return r, required(err, keyReply, string(r))
			})
		}
		return err
	})
}
