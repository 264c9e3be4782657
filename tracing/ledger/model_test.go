package ledger

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waitgraph/waitgraph/detector/report"
)

// model drives a ledger at random.
type model struct {
	l     *Ledger
	now   time.Time
	procs []*Process
	// One detector hears what is published, another asks besides.
	listener, asker receiver
	published       []report.State
	beats           uint64
	gaveUp          map[uint64]report.Cause // why, by the reported epoch in which a wait that was needed was given up
}

func newModel(t *rapid.T) *model {
	// One process fills a part, or all fit.
	cfg := Config{PartBytes: rapid.SampledFrom([]int{1, 0}).Draw(t, "part")}
	return &model{
		l: New(report.Agent{Name: "a", Incarnation: 1}, cfg), now: begin, gaveUp: make(map[uint64]report.Cause),
		listener: receiver{states: make(map[report.Key]*known)}, asker: receiver{states: make(map[report.Key]*known)},
	}
}

func (m *model) publish(t *rapid.T, b report.Batch) {
	m.valid(t, b)
	m.published = append(m.published, b.States...)
	m.listener.takeAll(b)
	m.asker.takeAll(b)
	if h := b.Heartbeat; h != nil {
		if m.beats++; h.Seq != m.beats {
			t.Fatalf("heartbeat %d has the number %d", m.beats, h.Seq)
		}
		if got := m.listener.digest(); got != h.Digest {
			t.Fatalf("the listener knows %+v, the heartbeat says %+v", got, h.Digest)
		}
		if got := m.asker.digest(); got != h.Digest {
			t.Fatalf("the asker knows %+v, the heartbeat says %+v", got, h.Digest)
		}
	}
}

// part asks for everything, or its next part.
func (m *model) part(t *rapid.T) report.Batch {
	b := m.l.Answer(m.now, report.Question{Everything: true})
	m.publish(t, b)
	return b
}

func (m *model) valid(t *rapid.T, b report.Batch) {
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
}

func (m *model) process(t *rapid.T) *Process {
	if len(m.procs) == 0 {
		return nil
	}
	return rapid.SampledFrom(m.procs).Draw(t, "process")
}

func (m *model) resource(t *rapid.T) report.Resource {
	return report.Resource("r" + strconv.Itoa(rapid.IntRange(0, 12).Draw(t, "resource")))
}

func (m *model) kind(t *rapid.T) report.Kind {
	return rapid.SampledFrom([]report.Kind{report.Reply, report.Reply, report.Reply, report.Lock, report.Buffer, report.Item}).Draw(t, "kind")
}

func (m *model) queue(t *rapid.T) string {
	return rapid.SampledFrom([]string{"q1", "q2"}).Draw(t, "queue")
}

func (m *model) holders(t *rapid.T) int { return rapid.IntRange(0, 2).Draw(t, "holders") }

func (m *model) cause(t *rapid.T) report.Cause {
	return rapid.SampledFrom([]report.Cause{report.Granted, report.TimedOut, report.Cancelled}).Draw(t, "cause")
}

// membersKnown: whoever has heard the heartbeat that an answer names knows the
// members.
func (m *model) membersKnown(t *rapid.T, a *report.Answer) {
	known := slices.Equal(m.asker.members, m.l.sortedMembers())
	if heard := m.asker.beat >= a.Members; heard && !known || !heard && !m.l.Dirty() {
		t.Fatalf("members %v, known as of heartbeat %d %v, told by %d", m.l.sortedMembers(), m.asker.beat, m.asker.members, a.Members)
	}
}

func (m *model) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"start": func(t *rapid.T) {
			m.procs = append(m.procs, m.l.Start("p", rapid.Bool().Draw(t, "reentrant")))
		},
		"stop": func(t *rapid.T) {
			if p := m.process(t); p != nil && rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				m.l.Stop(m.now, p, report.Crashed)
			}
		},
		"block": func(t *rapid.T) {
			var waits []report.Wait
			for range rapid.IntRange(1, 3).Draw(t, "waits") {
				waits = append(waits, report.Wait{Resource: m.resource(t), Kind: m.kind(t), Since: m.now, Holders: m.holders(t)})
			}
			m.l.Block(m.now, m.process(t), rapid.IntRange(1, len(waits)).Draw(t, "need"), waits...)
		},
		"vouch":   func(t *rapid.T) { m.l.Vouch(m.process(t), m.resource(t), m.holders(t)) },
		"refused": func(t *rapid.T) { m.l.Refused(m.process(t), m.resource(t)) },
		"grant":   func(t *rapid.T) { m.l.Grant(m.now, m.process(t), m.resource(t)) },
		"unblock": func(t *rapid.T) { m.l.Unblock(m.now, m.process(t), m.cause(t)) },
		"withdraw": func(t *rapid.T) {
			p, r, cause := m.process(t), m.resource(t), m.cause(t)
			if p != nil && p.numbered == p.epoch && p.waitsFor(r) && p.need == len(p.waits) && cause != report.Granted {
				m.gaveUp[p.epoch] = cause
			}
			m.l.Withdraw(m.now, p, cause, r)
		},
		"receive": func(t *rapid.T) {
			p := m.process(t)
			q := Request{Reply: m.resource(t), Redelivered: rapid.IntRange(0, 4).Draw(t, "again") == 0}
			if rapid.Bool().Draw(t, "chain") && p != nil {
				q.Chain = hops{{Key: p.key, Epoch: max(p.epoch, 1), Reply: m.resource(t)}}
			}
			if by, _ := m.l.Receive(m.now, p, q); by != p {
				m.procs = append(m.procs, by)
			}
		},
		"handle":   func(t *rapid.T) { m.l.Handle(m.process(t), m.resource(t)) },
		"answered": func(t *rapid.T) { m.l.Answered(m.now, m.process(t), m.resource(t)) },
		"abandon":  func(t *rapid.T) { m.l.Abandon(m.process(t), m.resource(t)) },
		"hold":     func(t *rapid.T) { m.l.Hold(m.process(t), m.resource(t), m.kind(t)) },
		"release":  func(t *rapid.T) { m.l.Release(m.process(t), m.resource(t)) },
		"join":     func(t *rapid.T) { m.l.Join(m.process(t), m.queue(t)) },
		"leave":    func(t *rapid.T) { m.l.Leave(m.process(t), m.queue(t)) },
		"later": func(t *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "ms")) * time.Millisecond)
			m.l.Tick(m.now)
		},
		"collect": func(t *rapid.T) {
			m.publish(t, m.l.Collect(m.now, rapid.IntRange(1, 3).Draw(t, "limit")))
		},
		"heartbeat": func(t *rapid.T) { m.publish(t, m.l.Heartbeat(m.now)) },
		"ask": func(t *rapid.T) {
			if p := m.process(t); p != nil {
				b := m.l.Answer(m.now, report.Question{Processes: []report.Key{p.key}})
				m.valid(t, b)
				m.asker.takeAll(b)
				m.membersKnown(t, b.Answer)
			}
		},
		"part": func(t *rapid.T) { m.part(t) },
		"everything": func(t *rapid.T) {
			for m.l.told > 0 {
				m.part(t)
			}
			novice := receiver{states: make(map[report.Key]*known)}
			for more := true; more; more = m.l.told > 0 {
				novice.takeAll(m.part(t))
			}
			if err := novice.differs(m.l); err != nil {
				t.Fatalf("who hears everything for the first time: %v", err)
			}
		},
		"drain": func(t *rapid.T) {
			for m.l.Dirty() {
				m.publish(t, m.l.Collect(m.now, 2))
			}
			for name, r := range map[string]*receiver{"listener": &m.listener, "asker": &m.asker} {
				if err := r.differs(m.l); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		},
		"": func(t *rapid.T) {
			if err := m.l.checkInvariants(); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// TestReceiversKnow: whoever hears everything in order knows, whenever there is
// nothing left to collect, what every reported process waits for and holds; and
// no heartbeat ever differs from what he knows. It does not matter whether he
// asks in between, or others do.
func TestReceiversKnow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(m.actions())
		m.actions()["drain"](t)
		inBetween(t, m.published, held)
		inBetween(t, m.published, awaited)
		vouchedFor(t, m.published)
		endedAsGivenUp(t, m)
		anyOrder(t, m)
	})
}

// inBetween: of two reports of one epoch that name something, every complete one
// between them does too.
func inBetween(t *rapid.T, published []report.State, names func(s *report.State) []report.Resource) {
	type life struct {
		key   report.Key
		epoch uint64
	}
	gone := make(map[life]map[report.Resource]bool)
	for _, s := range published {
		if len(s.Waits) == 0 && !s.Addition {
			continue
		}
		of, named := life{s.Key, s.Epoch}, names(&s)
		if gone[of] == nil {
			gone[of] = make(map[report.Resource]bool)
		}
		for _, r := range named {
			if gone[of][r] {
				t.Fatalf("%v: %s ended in epoch %d and began again", s.Key, r, s.Epoch)
			}
			gone[of][r] = false
		}
		for r := range gone[of] {
			gone[of][r] = gone[of][r] || !s.Addition && !slices.Contains(named, r)
		}
	}
}

func held(s *report.State) (names []report.Resource) {
	for _, h := range s.Holds {
		names = append(names, h.Resource)
	}
	return names
}

func awaited(s *report.State) (names []report.Resource) {
	for _, w := range s.Waits {
		names = append(names, w.Resource)
	}
	return names
}

// vouchedFor: what a waiter says of the number of holders stands for the whole of
// an epoch.
func vouchedFor(t *rapid.T, published []report.State) {
	type wait struct {
		key   report.Key
		epoch uint64
		on    report.Resource
	}
	said := make(map[wait]int)
	for _, s := range published {
		for _, w := range s.Waits {
			of := wait{s.Key, s.Epoch, w.Resource}
			if before, known := said[of]; known && before != w.Holders {
				t.Fatalf("%v: in epoch %d %s has %d holders, and then %d", s.Key, s.Epoch, w.Resource, before, w.Holders)
			}
			said[of] = w.Holders
		}
	}
}

// endedAsGivenUp: of an epoch in which a wait was given up that was needed, nobody
// hears that it ended otherwise.
func endedAsGivenUp(t *rapid.T, m *model) {
	for _, s := range m.published {
		if s.Ended == nil {
			continue
		}
		if cause, ok := m.gaveUp[s.Ended.Epoch]; ok && s.Ended.Cause != cause {
			t.Fatalf("%v: epoch %d ended by %v, and then by %v", s.Key, s.Ended.Epoch, cause, s.Ended.Cause)
		}
	}
}

// anyOrder: reports that come in any order and twice say the same in the end,
// if additions that come before what they add to are kept for it.
func anyOrder(t *rapid.T, m *model) {
	seed := rapid.Uint64().Draw(t, "order")
	rng := rand.New(rand.NewPCG(seed, 1))
	twice := append(slices.Clone(m.published), m.published...)
	rng.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
	var late []report.State
	shuffled := receiver{states: make(map[report.Key]*known)}
	for _, s := range twice {
		if s.Addition {
			late = append(late, s)
			continue
		}
		shuffled.take(s)
	}
	for _, s := range late {
		shuffled.take(s)
	}
	for k, want := range m.listener.states {
		got := shuffled.states[k]
		if got.epoch != want.epoch || got.base != want.base || !slices.Equal(got.waits, want.waits) || !maps.Equal(got.holds, want.holds) {
			t.Fatalf("%v: %+v in order, %+v in another", k, want, got)
		}
	}
}

// TestShortWaitsAreSilent: a wait for a reply without contention that is shorter
// than report-after makes no report, whatever else goes on.
func TestShortWaitsAreSilent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		ends := make(map[*Process]time.Time)
		for i := range rapid.IntRange(1, 5).Draw(t, "processes") {
			m.procs = append(m.procs, m.l.Start("p"+strconv.Itoa(i), false))
		}
		for i := range 50 {
			m.now = m.now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "ms")) * time.Millisecond)
			for p, end := range ends {
				if !end.After(m.now) {
					m.l.Unblock(end, p, report.Granted)
					delete(ends, p)
				}
			}
			m.l.Tick(m.now)
			p := m.process(t)
			if _, blocked := p.Epoch(); !blocked {
				request := report.Resource("q" + strconv.Itoa(i))
				m.l.Receive(m.now, p, Request{Reply: request})
				m.l.Handle(p, request)
				m.l.Block(m.now, p, 1, report.Wait{Resource: report.Resource("r" + strconv.Itoa(i)), Kind: report.Reply})
				ends[p] = m.now.Add(time.Duration(rapid.IntRange(0, 49).Draw(t, "lasts")) * time.Millisecond)
			}
			if m.l.Dirty() {
				t.Fatalf("something to report: %+v", m.l.Collect(m.now, 10))
			}
		}
	})
}
