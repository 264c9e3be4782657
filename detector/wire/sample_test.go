package wire

import (
	"time"

	"pgregory.net/rapid"

	"github.com/waitgraph/waitgraph/detector/report"
)

var (
	now   = time.Date(2026, 11, 21, 9, 0, 0, 123456789, time.UTC)
	agent = report.Agent{Name: "service_a@host-1:4711", Incarnation: 1_795_251_600_123_456_789}
)

// blocked returns the state of server_a:42 in the crossing chains of the
// example system: it owes a queued request and waits for server_b:42.
func blocked() report.State {
	caller := report.Key{Agent: report.Agent{Name: "caller@host-2:99", Incarnation: 7}, Process: "caller", Activation: 1}
	return report.State{
		Key:   report.Key{Agent: agent, Process: "server_a:42", Activation: 3},
		Epoch: 17, Seq: 2, Need: 1,
		Waits: []report.Wait{{
			Resource: "service_a@host-1:4711#x/2s", Kind: report.Reply,
			Since: now, Deadline: now.Add(5 * time.Second),
			Destination: report.Destination{Key: "service_b.compute"},
			Trace:       report.TraceContext{TraceID: [16]byte{1, 2, 3}, SpanID: [8]byte{4, 5}},
			Refusals:    3,
		}},
		Holds: []report.Hold{
			{Resource: "caller@host-2:99#7/1", Kind: report.Reply, Chain: []report.Hop{
				{Key: caller, Epoch: 1, Reply: "caller@host-2:99#7/1", Deadline: now.Add(4 * time.Second)},
			}},
			{Resource: "stock", Kind: report.Lock, Queued: true, Closes: true},
		},
	}
}

// full returns a batch that uses everything a batch can say.
func full() *report.Batch {
	s := blocked()
	return &report.Batch{
		Agent: agent, Service: "service_a", Host: "host-1",
		States: []report.State{
			s,
			{Key: s.Key, Epoch: 17, Seq: 3, Addition: true, Holds: s.Holds[1:]},
			{Key: s.Key, Epoch: 17, Seq: 4, Breach: true, Ended: &report.End{Epoch: 17, Cause: report.TimedOut}},
		},
		Heartbeat: &report.Heartbeat{
			Seq:      12,
			Digest:   report.Digest{Count: 1, Sum: 1<<63 + 1},
			Members:  []report.Member{{Key: s.Key, Queue: "server_a.42"}},
			Complete: true, Part: report.Part{After: 3, Through: 1<<63 + 1}, Leaving: true,
		},
		Answer: &report.Answer{Round: 9, Unknown: []report.Key{s.Key}, Taken: []report.Resource{"caller@host-2:99#7/1"}, Members: 11},
	}
}

// anyBatch generates valid batches.
var anyBatch = rapid.Custom(func(t *rapid.T) *report.Batch {
	b := &report.Batch{Agent: anyAgent.Draw(t, "agent"), Service: anyName.Draw(t, "service"), Host: anyText.Draw(t, "host")}
	for range rapid.IntRange(0, 3).Draw(t, "states") {
		s := anyState.Draw(t, "state")
		s.Key.Agent = b.Agent
		b.States = append(b.States, s)
	}
	if rapid.Bool().Draw(t, "heartbeat") {
		h := &report.Heartbeat{
			Seq:    rapid.Uint64Min(1).Draw(t, "seq"),
			Digest: report.Digest{Count: anyNumber.Draw(t, "count"), Sum: anyNumber.Draw(t, "sum")}, Complete: rapid.Bool().Draw(t, "complete"),
			Part: report.Part{After: anyNumber.Draw(t, "after"), Through: anyNumber.Draw(t, "through")},
		}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			k := anyKey.Draw(t, "member")
			k.Agent = b.Agent
			h.Members = append(h.Members, report.Member{Key: k, Queue: anyName.Draw(t, "queue")})
		}
		b.Heartbeat = h
	}
	if rapid.Bool().Draw(t, "answer") {
		b.Answer = &report.Answer{
			Round: anyNumber.Draw(t, "round"), Members: anyNumber.Draw(t, "members"),
			Taken: rapid.SliceOfN(rapid.Map(anyName, toResource), 0, 3).Draw(t, "taken"),
		}
	}
	return b
})

var (
	anyText   = rapid.OneOf(rapid.Just(""), anyName)
	anyName   = rapid.StringN(1, 60, report.MaxName)
	anyNumber = rapid.Uint64()
	anyTime   = rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64(), func(n int64) time.Time { return time.Unix(0, n).UTC() }))

	anyAgent = rapid.Custom(func(t *rapid.T) report.Agent {
		return report.Agent{Name: anyName.Draw(t, "name"), Incarnation: rapid.Uint64Min(1).Draw(t, "incarnation")}
	})
	anyKey = rapid.Custom(func(t *rapid.T) report.Key {
		return report.Key{Agent: anyAgent.Draw(t, "agent"), Process: anyName.Draw(t, "process"), Activation: anyNumber.Draw(t, "activation")}
	})
	anyHop = rapid.Custom(func(t *rapid.T) report.Hop {
		return report.Hop{
			Key: anyKey.Draw(t, "key"), Epoch: rapid.Uint64Min(1).Draw(t, "epoch"), Reply: toResource(anyName.Draw(t, "reply")),
			Deadline: anyTime.Draw(t, "deadline"), Partial: rapid.Bool().Draw(t, "partial"),
		}
	})
	anyState = rapid.Custom(func(t *rapid.T) report.State {
		s := report.State{
			Key: anyKey.Draw(t, "key"), Epoch: rapid.Uint64Min(1).Draw(t, "epoch"), Seq: anyNumber.Draw(t, "seq"),
			Breach: rapid.Bool().Draw(t, "breach"),
		}
		for _, r := range rapid.SliceOfNDistinct(anyName, 0, 3, rapid.ID[string]).Draw(t, "waits") {
			w := report.Wait{
				Resource: toResource(r), Kind: anyKind.Draw(t, "kind"), Since: anyTime.Draw(t, "since"), Deadline: anyTime.Draw(t, "deadline"),
				Destination: report.Destination{Exchange: anyText.Draw(t, "exchange"), Key: anyText.Draw(t, "key")},
				Holders:     rapid.IntRange(0, report.MaxHolders).Draw(t, "holders"),
				Refusals:    rapid.IntRange(0, report.MaxRefusals).Draw(t, "refusals"),
			}
			copy(w.Trace.TraceID[:], rapid.SliceOfN(rapid.Byte(), 0, 16).Draw(t, "trace"))
			copy(w.Trace.SpanID[:], rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "span"))
			s.Waits = append(s.Waits, w)
		}
		if len(s.Waits) > 0 {
			s.Need = rapid.IntRange(1, len(s.Waits)).Draw(t, "need")
		}
		for range rapid.IntRange(0, 2).Draw(t, "holds") {
			s.Holds = append(s.Holds, report.Hold{
				Resource: toResource(anyName.Draw(t, "resource")), Kind: anyKind.Draw(t, "kind"),
				Queued: rapid.Bool().Draw(t, "queued"), Closes: rapid.Bool().Draw(t, "closes"),
				Chain: rapid.SliceOfN(anyHop, 0, 3).Draw(t, "chain"),
			})
		}
		return s
	})
	anyKind = rapid.Custom(func(t *rapid.T) report.Kind {
		return report.Kind(rapid.IntRange(int(report.Reply), int(report.Queue)).Draw(t, "kind"))
	})
)

func toResource(s string) report.Resource { return report.Resource(s) }
