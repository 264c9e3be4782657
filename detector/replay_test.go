package detector_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// moment is what a detector was told at an instant, and what it wanted done.
type moment struct {
	at      time.Time
	event   detector.Event // nil for a tick
	effects []detector.Effect
}

// tell tells the detector of a play something, and keeps it in mind.
func (p *play) tell(e detector.Event) []detector.Effect {
	m := moment{at: p.now, event: e}
	m.effects = m.told(p.d)
	p.moments = append(p.moments, m)
	return m.effects
}

func (m *moment) told(d *detector.Detector) []detector.Effect {
	if m.event == nil {
		return slices.Clone(d.Tick(m.at))
	}
	return slices.Clone(d.Step(m.at, m.event))
}

// replay tells other detectors the same at the same times: they want the same
// done, in the same order.
func (p *play) replay(t *testing.T) {
	t.Helper()
	for range 2 {
		d := detector.New(detector.DefaultConfig())
		for i := range p.moments {
			m := &p.moments[i]
			if diff := cmp.Diff(m.effects, m.told(d)); diff != "" {
				t.Fatalf("the same events have other effects at moment %d, -once +again:\n%s", i, diff)
			}
		}
	}
}

// TestSameEventsSameEffects tells detectors of many processes what comes to
// mind, with the answers to what they ask.
func TestSameEventsSameEffects(t *testing.T) {
	for seed := range uint64(8) {
		p := newPlay()
		s := &stream{Rand: rand.New(rand.NewPCG(seed, 0)), epochs: make(map[report.Key]report.State), beats: make(map[report.Agent]uint64)}
		for range 400 {
			p.now = p.now.Add(time.Duration(s.IntN(30)) * time.Millisecond)
			if s.IntN(4) == 0 {
				s.hear(p.tell(nil))
				continue
			}
			s.hear(p.tell(s.next(p.now)))
		}
		p.replay(t)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// stream makes up events.
type stream struct {
	*rand.Rand
	epochs map[report.Key]report.State // latest reports
	beats  map[report.Agent]uint64
	asked  []detector.Effect
}

func (s *stream) hear(effects []detector.Effect) { s.asked = append(s.asked, effects...) }

func (s *stream) next(now time.Time) detector.Event {
	if len(s.asked) > 0 && s.IntN(2) == 0 {
		e := s.asked[0]
		s.asked = s.asked[1:]
		switch e := e.(type) {
		case detector.Ask:
			return s.answer(e)
		case detector.CountQueue:
			return detector.QueueCounted{Round: e.Round, Queue: e.Queue, Consumers: 2 + s.IntN(2), Ready: 9}
		}
	}
	k := s.key()
	return detector.Reported{Batch: s.batch(k.Agent, s.state(now, k))}
}

func (s *stream) key() report.Key {
	n := s.IntN(12)
	return report.Key{Agent: report.Agent{Name: fmt.Sprint("a", n%3), Incarnation: 1}, Process: fmt.Sprint("p", n), Activation: 1}
}

func (s *stream) batch(a report.Agent, states ...report.State) *report.Batch {
	b := &report.Batch{Agent: a, States: states}
	if s.IntN(3) == 0 {
		s.beats[a]++
		b.Heartbeat = &report.Heartbeat{Seq: s.beats[a], Complete: s.IntN(4) == 0, Part: report.Part{After: uint64(s.IntN(8) / 7)}}
		for range s.IntN(3) {
			k := s.key()
			k.Agent = a
			b.Heartbeat.Members = append(b.Heartbeat.Members, report.Member{Key: k, Queue: "q"})
		}
	}
	return b
}

// state goes on with a process: its epoch grows, or the next one begins.
func (s *stream) state(now time.Time, k report.Key) report.State {
	next := s.epochs[k]
	next.Key, next.Seq = k, next.Seq+1
	if s.IntN(2) == 0 || next.Epoch == 0 {
		next.Epoch, next.Waits, next.Holds = next.Epoch+1, nil, nil
		for _, r := range s.Perm(8)[:s.IntN(4)] {
			next.Waits = append(next.Waits, report.Wait{
				Resource: report.Resource(fmt.Sprint("r", r)), Kind: report.Reply, Since: now,
				Deadline: now.Add(time.Second), Destination: report.Destination{Key: "q"},
			})
		}
		next.Need = min(len(next.Waits), 1+s.IntN(3))
	}
	next.Holds = slices.Clone(next.Holds)
	for range s.IntN(3) {
		h := report.Hold{Resource: report.Resource(fmt.Sprint("r", s.IntN(8))), Kind: report.Reply}
		for range s.IntN(3) {
			h.Chain = append(h.Chain, report.Hop{
				Key: s.key(), Epoch: uint64(1 + s.IntN(40)), Reply: report.Resource(fmt.Sprint("r", s.IntN(8))),
				Deadline: now.Add(time.Duration(s.IntN(2000)) * time.Millisecond),
			})
		}
		next.Holds = append(next.Holds, h)
	}
	s.epochs[k] = next
	return next
}

func (s *stream) answer(e detector.Ask) detector.Event {
	if s.IntN(10) == 0 {
		return detector.Unreachable{Agent: e.Agent, Round: e.Question.Round}
	}
	b := s.batch(e.Agent)
	b.Answer = &report.Answer{Round: e.Question.Round, Members: s.beats[e.Agent]}
	for _, k := range e.Question.Processes {
		if st, ok := s.epochs[k]; ok {
			b.States = append(b.States, st)
		}
	}
	return detector.Reported{Batch: b}
}
