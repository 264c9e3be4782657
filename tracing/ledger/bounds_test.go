package ledger

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

func reply(i int) report.Resource { return report.Resource("r" + strconv.Itoa(i)) }

func waitFor(r report.Resource) report.Wait { return report.Wait{Resource: r, Kind: report.Reply} }

// Requests that queue up one by one behind a blocked process cost one small
// addition each: what is sent in all is linear in their number.
func TestGrowthIsLinear(t *testing.T) {
	const requests = 10_000
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{})
	p := l.Start("p", false)
	l.Block(begin, p, 1, waitFor("w"))
	holds := 0
	for i := range requests {
		l.Receive(begin, p, Request{Reply: reply(i)})
		for _, s := range l.Collect(begin, 10).States {
			holds += len(s.Holds)
		}
	}
	if holds != requests {
		t.Errorf("%d holds sent for %d requests", holds, requests)
	}
	if err := l.checkInvariants(); err != nil {
		t.Error(err)
	}
}

// Short calls beside a wait that stands begin another epoch now and then, since
// their names are remembered up to a bound. One that is awaited again always does.
func TestShortCallsBesideAWait(t *testing.T) {
	const calls = 1000
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{})
	p := l.Start("p", false)
	first, _ := l.Block(begin, p, 1, waitFor("w"))
	epochs := map[uint64]bool{first: true}
	for i := range calls {
		epoch, ok := l.Block(begin, p, 1, waitFor(reply(i)))
		if epochs[epoch] = true; !ok {
			t.Fatalf("call %d is refused", i)
		}
		l.Collect(begin, 10)
		if i%2 == 0 {
			l.Grant(begin, p, reply(i))
		} else {
			l.Withdraw(begin, p, report.Granted, reply(i))
		}
	}
	if n := len(epochs); n > 1+calls/maxLeft {
		t.Errorf("%d epochs for %d calls", n, calls)
	}
	if epoch, _ := l.Block(begin, p, 1, waitFor(reply(calls-1))); epochs[epoch] {
		t.Errorf("the last call is awaited again in epoch %d", epoch)
	}
}

// A batch has a bound on hops: the holds beyond go without their chains.
func TestHopsAreBounded(t *testing.T) {
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{})
	p := l.Start("p", false)
	deep := make(hops, report.MaxChain)
	for i := range deep {
		deep[i] = report.Hop{Key: report.Key{Agent: report.Agent{Name: "b", Incarnation: 1}, Process: "q"}, Epoch: 1, Reply: reply(i)}
	}
	for i := range 1000 {
		l.Receive(begin, p, Request{Reply: reply(i), Chain: deep})
	}
	l.Block(begin, p, 1, waitFor("w"))
	b, sent := l.Collect(begin, 10), 0
	for _, h := range b.States[0].Holds {
		sent += len(h.Chain)
	}
	if n := len(b.States[0].Holds); n != 1000 || sent < maxBatchHops || sent >= maxBatchHops+report.MaxChain {
		t.Errorf("%d holds with %d hops", n, sent)
	}
}

// What is beyond the bounds is not observed, and counted.
func TestBounds(t *testing.T) {
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{MaxProcesses: 2, MaxHolds: 3, MaxTaken: 4})
	p, _ := l.Start("p", false), l.Start("q", false)
	if l.Start("r", false) != nil {
		t.Error("a third process")
	}
	for i := range 4 {
		l.Receive(begin, p, Request{Reply: reply(i)})
	}
	if got := l.Stats(); got.Unseen != 2 || len(p.holds) != 3 {
		t.Errorf("%+v, %d holds", got, len(p.holds))
	}
	for i := range 10 {
		l.Receive(begin, p, Request{Reply: reply(i)})
		l.Answered(begin, p, reply(i))
	}
	b := l.Answer(begin, report.Question{Replies: []report.Resource{reply(5), reply(6), reply(9)}})
	if got := b.Answer.Taken; len(got) != 2 || got[0] != reply(6) {
		t.Errorf("remembered %v of the last four", got)
	}
	if err := l.checkInvariants(); err != nil {
		t.Error(err)
	}
}

// Names that a report cannot carry do not get into one.
func TestImproperNames(t *testing.T) {
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{})
	p := l.Start("p", false)
	for _, name := range []string{"", "\xff", strings.Repeat("x", 2*report.MaxName+1)} {
		if l.Start(name, false) != nil {
			t.Errorf("a process named %.10q", name)
		}
		if _, ok := l.Block(begin, p, 1, waitFor(report.Resource(name))); ok {
			t.Errorf("a wait for %.10q", name)
		}
		l.Receive(begin, p, Request{Reply: report.Resource(name)})
		l.Hold(p, report.Resource(name), report.Lock)
		l.Join(p, name)
	}
	l.Hold(p, "x", report.Kind(99))
	l.Block(begin, p, 2, waitFor("x"), waitFor("x"))
	improper := waitFor("w")
	improper.Destination = report.Destination{Exchange: "\xff", Key: strings.Repeat("k", 300)}
	l.Block(begin, p, 1, improper)
	l.Receive(begin, p, Request{Reply: "r"})
	b := l.Collect(begin, 10)
	if err := b.Validate(); err != nil || len(b.States) != 1 {
		t.Errorf("%v: %+v", err, b)
	}
	if got := l.Stats().Unseen; got != 17 {
		t.Errorf("%d not observed", got)
	}
}

// Nil processes are observed by nobody and hurt nobody, and so are those that
// have stopped.
func TestNilAndStopped(t *testing.T) {
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{})
	stopped := l.Start("p", true)
	l.Stop(begin, stopped, report.Crashed)
	for _, p := range []*Process{nil, stopped} {
		l.Block(begin, p, 1, waitFor("w"))
		l.Grant(begin, p, "w")
		l.Vouch(p, "w", 1)
		l.Refused(p, "w")
		l.Withdraw(begin, p, report.Granted, "w")
		l.Unblock(begin, p, report.Granted)
		l.Receive(begin, p, Request{Reply: "r", Redelivered: true})
		l.Handle(p, "r")
		l.Answered(begin, p, "r")
		l.Abandon(p, "r")
		l.Hold(p, "l", report.Lock)
		l.Release(p, "l")
		l.Join(p, "q")
		l.Leave(p, "q")
		l.Stop(begin, p, report.Crashed)
		_, _ = p.Key(), func() bool { _, blocked := p.Epoch(); return blocked }()
	}
	if l.Dirty() || len(l.procs) != 0 {
		t.Errorf("%+v", l.Stats())
	}
}

func BenchmarkUncontendedWait(b *testing.B) {
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{})
	p := l.Start("p", false)
	now, w := begin, waitFor("host#1/abc")
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		l.Block(now, p, 1, w)
		l.Grant(now, p, w.Resource)
	}
}

func BenchmarkRequest(b *testing.B) {
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{MaxTaken: 1000})
	p := l.Start("p", false)
	var names [10_000]report.Resource
	for i := range names {
		names[i] = report.Resource("host@name:4711-1#abcdefghi/" + strconv.Itoa(i))
	}
	for i := range names { // until what is remembered is full
		l.Receive(begin, p, Request{Reply: names[i]})
		l.Answered(begin, p, names[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := names[i%len(names)]
		l.Receive(begin, p, Request{Reply: r})
		l.Handle(p, r)
		l.Answered(begin, p, r)
	}
}

// BenchmarkQueuedRequest is the price of contention: an addition made for one
// more request behind a process that is blocked with many.
func BenchmarkQueuedRequest(b *testing.B) {
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{MaxHolds: 1 << 30})
	p := l.Start("p", false)
	l.Block(begin, p, 1, waitFor("w"))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.Receive(begin, p, Request{Reply: reply(i)})
		l.Collect(begin, 1)
	}
}

// What comes and goes while nobody collects leaves nothing behind: there is
// nothing left to be said of it.
func TestOutagesLeaveNothingBehind(t *testing.T) {
	const many = 10
	l := New(report.Agent{Name: "a", Incarnation: 1}, Config{MaxProcesses: 2})
	p := l.Start("p", true)
	for i := range many {
		l.Block(begin, p, 1, waitFor(reply(0)))
		l.Receive(begin, p, Request{Reply: reply(1 + i)})
		nested, _ := l.Receive(begin, p, Request{Reply: "inner", Chain: hops{{Key: p.key, Epoch: p.epoch, Reply: reply(0)}}})
		if nested == nil {
			t.Fatalf("request %d of its own chain is not observed", i)
		}
		l.Stop(begin, nested, report.Cancelled)
		l.Grant(begin, p, reply(0))
		q := l.Start("q", false)
		if q == nil {
			t.Fatalf("process %d is not observed", i)
		}
		l.Block(begin, q, 1, report.Wait{Resource: "lock", Kind: report.Lock})
		l.Unblock(begin, q, report.Granted)
		l.Stop(begin, q, report.Cancelled)
		if err := l.checkInvariants(); err != nil {
			t.Fatal(err)
		}
	}
	if s := l.Stats(); s.Processes != 1 || s.Dirty != 0 || l.Dirty() {
		t.Errorf("left behind: %+v", s)
	}
}
