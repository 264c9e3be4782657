package spansink

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// Bounds on one span.
const (
	maxLinks     = 128
	maxStood     = 32 // events that it still stands
	maxSentences = 20
	maxServices  = 20
	maxText      = 2048 // bytes of one attribute
)

// What attributes are named.
const (
	keyPrefix  = "waitgraph.deadlock."
	keyProcess = "waitgraph.process"
	keyRole    = "waitgraph.role"
)

// span makes the span of a deadlock that has ended. The times at which it was
// announced again are in stood.
func (s *Sink) span(v *detector.Verdict, stood []time.Time) {
	_, span := s.tracer.Start(context.Background(), "deadlock",
		trace.WithNewRoot(), trace.WithTimestamp(v.Since), trace.WithLinks(links(v)...), trace.WithAttributes(attributes(v)...))
	event := func(name string, at time.Time) {
		if !at.IsZero() {
			span.AddEvent(name, trace.WithTimestamp(at))
		}
	}
	event("suspected", v.Suspected)
	event("confirmed", v.Confirmed)
	for _, at := range stood {
		event("stands", at)
	}
	span.SetStatus(codes.Error, explain.Of(*v, v.Ended).Summary)
	span.End(trace.WithTimestamp(later(v.Ended, v.Since)))
}

// later returns an end that is not before the start: the two are of different
// clocks.
func later(end, start time.Time) time.Time {
	if end.Before(start) {
		return start
	}
	return end
}

func attributes(v *detector.Verdict) []attribute.KeyValue {
	known := v.Suspected
	if !v.Confirmed.IsZero() {
		known = v.Confirmed
	}
	x := explain.Of(*v, known)
	all := []attribute.KeyValue{
		attribute.String(keyPrefix+"id", v.ID),
		attribute.String(keyPrefix+"kind", string(v.Kind)),
		attribute.String(keyPrefix+"cause", v.Cause),
		attribute.Bool(keyPrefix+"confirmed", !v.Confirmed.IsZero()),
		attribute.Bool(keyPrefix+"in_band", v.InBand),
		attribute.Bool(keyPrefix+"contradicted", v.Contradicted),
		attribute.Int(keyPrefix+"core", len(v.Core)),
		attribute.Int(keyPrefix+"behind", v.CollateralCount),
		attribute.StringSlice(keyPrefix+"services", services(v)),
		attribute.StringSlice(keyPrefix+"waits", x.Sentences[:min(len(x.Sentences), maxSentences)]),
	}
	if !v.FirstTimeout.IsZero() {
		all = append(all, attribute.Float64(keyPrefix+"seconds_left", max(v.FirstTimeout.Sub(known), 0).Seconds()))
	}
	return all
}

// services returns those of a core, sorted.
func services(v *detector.Verdict) []string {
	all := make(map[string]struct{})
	for i := range v.Core {
		if name := v.Core[i].Service; name != "" {
			all[explain.Printable(name)] = struct{}{}
		}
	}
	sorted := slices.Sorted(maps.Keys(all))
	return sorted[:min(len(sorted), maxServices)]
}

// links returns links to the spans that were waiting, each once.
func links(v *detector.Verdict) []trace.Link {
	var all []trace.Link
	seen := make(map[trace.SpanID]struct{})
	for _, side := range []struct {
		role    string
		members []detector.Member
	}{{"core", v.Core}, {"behind", v.Collateral}} {
		for i := range side.members {
			m := &side.members[i]
			for _, w := range m.Waits {
				c := trace.NewSpanContext(trace.SpanContextConfig{
					TraceID: w.Trace.TraceID, SpanID: w.Trace.SpanID, TraceFlags: trace.FlagsSampled, Remote: true,
				})
				if _, known := seen[c.SpanID()]; known || !c.IsValid() || len(all) == maxLinks {
					continue
				}
				seen[c.SpanID()] = struct{}{}
				all = append(all, trace.Link{SpanContext: c, Attributes: []attribute.KeyValue{
					attribute.String(keyProcess, explain.Printable(m.Key.Process)), attribute.String(keyRole, side.role),
				}})
			}
		}
	}
	return all
}
