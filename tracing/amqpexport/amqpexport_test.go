package amqpexport_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqpexport"
)

// A wait is reported when it begins and when it ends, the heartbeat covers it,
// and the end of the exporter is told.
func TestShipsReports(t *testing.T) {
	everywhere(t, func(w *world) {
		stop := w.export()
		wait := w.block("p")
		b := w.next(about("p"))
		s := b.States[0]
		if len(s.Waits) != 1 || s.Waits[0].Resource != "lock/p" || b.Service != "export.test" {
			w.Fatalf("%+v", b)
		}
		var digest report.Digest
		digest.Add(s.Key, s.Epoch, s.Seq)
		if h := w.next(beating).Heartbeat; h.Digest != digest || h.Complete || h.Leaving {
			w.Errorf("%+v", h)
		}
		wait.End(report.TimedOut)
		if s := w.next(about("p")).States[0]; len(s.Waits) != 0 || s.Ended == nil || s.Ended.Cause != report.TimedOut {
			w.Errorf("%+v", s)
		}
		wait = w.block("q")
		wait.End(report.Granted) // perhaps never heard of
		stop()
		if h := w.next(func(b *report.Batch) bool { return beating(b) && b.Heartbeat.Leaving }).Heartbeat; h.Digest.Count != 0 {
			w.Errorf("%+v", h)
		}
	})
}

// Questions are answered to who asks; what concerns everybody is published.
// Questions that make no sense are dropped.
func TestAnswersQuestions(t *testing.T) {
	everywhere(t, func(w *world) {
		defer w.export()()
		w.block("p")
		key := w.next(about("p")).States[0].Key
		unknown := key
		unknown.Activation = 99
		for _, nonsense := range []string{"", "{", `{"round":"x"}`} {
			w.ask([]byte(nonsense))
		}
		w.ask(w.question(&report.Question{Round: 7, Processes: []report.Key{key, unknown}, Replies: []report.Resource{"r"}}))
		b := w.next(func(b *report.Batch) bool { return b.Answer != nil })
		if a := b.Answer; a.Round != 7 || len(a.Unknown) != 1 || a.Unknown[0] != unknown || len(a.Taken) != 0 {
			w.Errorf("%+v", a)
		}
		if len(b.States) != 1 || b.States[0].Key != key || len(b.States[0].Waits) != 1 {
			w.Errorf("%+v", b.States)
		}
		w.ask(w.question(&report.Question{Everything: true}))
		b = w.next(complete)
		if len(b.States) != 1 || b.States[0].Key != key || b.Answer != nil {
			w.Errorf("%+v", b)
		}
	})
}

// After each connect everything is told anew.
func TestReconnects(t *testing.T) {
	everywhere(t, func(w *world) {
		defer w.export()()
		w.block("p")
		w.next(about("p"))
		w.network.Cut()
		w.block("q")
		w.network.Mend()
		b := w.next(complete)
		if len(b.States) != 2 || b.Heartbeat.Leaving {
			w.Errorf("%+v", b)
		}
	})
}

// What is too much for one message is told in parts, each of which the broker takes.
func TestGiantSet(t *testing.T) {
	everywhere(t, func(w *world) {
		const processes = 1000 // of some 25 KB
		var waits []tracing.Wait
		for i := range 40 {
			waits = append(waits, tracing.Wait{Kind: report.Lock, Resource: fmt.Sprintf("%0250d", i)})
		}
		for i := range processes {
			w.agent.Block(tracing.WithProcess(w.Context(), w.agent.Process(fmt.Sprint("p", i))), tracing.All, waits...)
		}
		defer w.start()()
		told, parts := make(map[string]bool), 0
		for part := (report.Part{Through: 1}); part.Through > 0; parts++ {
			b := w.next(complete)
			if parts > 0 && b.Heartbeat.Part.After != part.Through {
				w.Fatalf("after %+v comes %+v", part, b.Heartbeat.Part)
			}
			part = b.Heartbeat.Part
			w.ask(w.question(&report.Question{Everything: true}))
			for i := range b.States {
				told[b.States[i].Key.Process] = true
			}
		}
		if len(told) != processes || parts < 3 {
			w.Errorf("%d of %d processes, in %d parts", len(told), processes, parts)
		}
	})
}

// A broker that blocks publishers costs freshness: changes merge, and what comes
// after is the state by then. Nothing else waits for it, not even the end.
func TestBlockedBroker(t *testing.T) {
	embedded(t, func(w *world) {
		stop := w.export()
		w.Embedded.Block()
		ctx := tracing.WithProcess(w.Context(), w.agent.Process("p"))
		for range 1000 {
			w.agent.Block(ctx, tracing.All, tracing.Wait{Kind: report.Lock, Resource: "lock"}).End(report.Granted)
			time.Sleep(10 * time.Millisecond)
		}
		w.block("q")
		if s := w.agent.Stats(); s.States > 10 || s.Dirty > 2 {
			w.Errorf("%+v", s)
		}
		w.Embedded.Unblock()
		w.next(about("q"))
		w.Embedded.Block()
		began := time.Now()
		w.block("r")
		time.Sleep(time.Second)
		stop()
		if took := time.Since(began); took > 5*time.Second {
			w.Errorf("the exporter took %v to end", took)
		}
	})
}

// What happens while the broker has not taken the last message yet makes one
// message together, however many processes it is about.
func TestMerges(t *testing.T) {
	embedded(t, func(w *world) {
		defer w.export()()
		const size = 200
		w.Embedded.Block()
		for i := range size {
			w.block(fmt.Sprint("p", i))
			time.Sleep(time.Millisecond)
		}
		w.Embedded.Unblock()
		for told, messages := 0, 0; told < size; messages++ {
			b := w.next(func(b *report.Batch) bool { return len(b.States) > 0 })
			if told += len(b.States); messages > 1 {
				t.Fatalf("%d messages tell of %d processes", messages+1, told)
			}
		}
	})
}

// The URL is wrong for good; a broker that is not there may come.
func TestStartRefuses(t *testing.T) {
	w := &world{T: t}
	if _, err := amqpexport.Start(t.Context(), w.agent, amqpexport.Config{URL: "http://localhost/"}); err == nil {
		t.Error("an http URL is taken")
	}
	stop, err := amqpexport.Start(t.Context(), nil, amqpexport.Config{URL: "amqp://localhost:1/"})
	w.must(err)
	stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.must(amqpexport.Run(ctx, nil, amqpexport.Config{}))
}
