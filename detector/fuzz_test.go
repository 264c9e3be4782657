package detector_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// FuzzStep reads bytes as a sequence of valid events by a few agents that
// contradict themselves and one another at will. Whatever they say, the
// detector does not panic, keeps its verdicts to their life, and wants the same
// when it is told the same again.
func FuzzStep(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		once, twice := newScript(t, data).play(), newScript(t, data).play()
		if !reflect.DeepEqual(once, twice) {
			t.Fatalf("the same events, different effects:\n%s", cmp.Diff(once, twice))
		}
	})
}

// fuzzSeeds lead the fuzzer to where there is something to break.
var fuzzSeeds = []struct {
	name string
	data []byte
}{
	{"a cycle of two, asked about and confirmed", []byte{
		0, 0, 0, 1, 1, 2, 0, // a: P0 waits for r0, holds r1
		0, 1, 1, 1, 2, 1, 0, // b: P1 waits for r1, holds r0
		2, 1, 0, 0, 0, 1, 1, 2, 0, 0, // a answers
		2, 0, 0, 1, 1, 1, 2, 1, 0, 0, // b answers
	}},
	{"a worker that calls its own pool, and whose agent falls silent", []byte{
		5, 1, 5, 255, // time passes
		1, 0, 0, 0, 0, 1, 0, 0, // a: P0 consumes
		0, 0, 0, 1, 1, 0, 1, // a: P0 waits for r0, whose request is in that queue
		4, 0, 1, 1, 1, // one consumer, one request
		2, 0, 0, 0, 0, 1, 1, 0, 1, 0, // a answers
		5, 255, 5, 255, 5, 255,
	}},
	{"a lock and a call chain", []byte{
		0, 0, 0, 1, 1, 0x20, 0, // a: P0 waits for r0, holds the lock
		0, 1, 1, 1, 0x20, 1, 0x80, 0, 0, 0, 0, 2, 0, 1, 9, // b: P1 waits for the lock, holds r0 with a chain
		5, 20, 3, 1, 0,
	}},
}

// TestFuzzSeeds says that the seeds do what they are there for.
func TestFuzzSeeds(t *testing.T) {
	for _, seed := range fuzzSeeds {
		s := newScript(t, seed.data)
		if s.play(); !s.confirmed && seed.name != fuzzSeeds[2].name {
			t.Errorf("%s: not confirmed", seed.name)
		}
	}
}

// script plays events that it reads from bytes.
type script struct {
	t      *testing.T
	data   []byte
	d      *detector.Detector
	now    time.Time
	seqs   map[report.Key]uint64
	beats  map[report.Agent]uint64
	asked  []uint64 // questions
	counts []uint64 // rounds for which queues are counted
	life   map[string]detector.Status
	// confirmed says that some verdict was.
	confirmed bool
}

func newScript(t *testing.T, data []byte) *script {
	return &script{
		t: t, data: data, d: detector.New(detector.DefaultConfig()), now: epochStart,
		seqs: make(map[report.Key]uint64), beats: make(map[report.Agent]uint64), life: make(map[string]detector.Status),
	}
}

// play returns all effects and what is left to be seen at the end.
func (s *script) play() []any {
	var all []any
	for len(s.data) > 0 {
		effects := s.event()
		s.check(effects)
		all = append(all, slices.Clone(effects))
	}
	return append(all, s.d.Snapshot(), s.d.Verdicts(), s.d.Stats())
}

func (s *script) event() []detector.Effect {
	switch s.next() % 6 {
	case 0:
		return s.tell(report.Batch{}, 1)
	case 1:
		return s.tell(report.Batch{Heartbeat: &report.Heartbeat{Complete: s.flag(), Leaving: s.flag()}}, s.below(3))
	case 2:
		return s.tell(report.Batch{Answer: &report.Answer{Round: s.oneOf(s.asked)}}, 1+s.below(3))
	case 3:
		return s.d.Step(s.now, detector.Unreachable{Agent: s.agent(), Round: s.oneOf(s.asked)})
	case 4:
		return s.d.Step(s.now, detector.QueueCounted{
			Round: s.oneOf(s.counts), Queue: s.queue(), Consumers: s.below(4), Ready: s.below(4),
		})
	default:
		s.now = s.now.Add(time.Duration(s.next()) * 10 * time.Millisecond)
		return s.d.Tick(s.now)
	}
}

// tell sends a batch with so many states of one agent.
func (s *script) tell(b report.Batch, states int) []detector.Effect {
	b.Agent = s.agent()
	for range states {
		b.States = append(b.States, s.state(b.Agent))
	}
	if h := b.Heartbeat; h != nil {
		s.beats[b.Agent]++
		h.Seq = s.beats[b.Agent]
		for m := s.next(); m > 0; m >>= 4 {
			h.Members = append(h.Members, report.Member{Key: s.key(b.Agent), Queue: queueName(m)})
		}
		if s.flag() {
			for _, st := range b.States {
				h.Digest.Add(st.Key, st.Epoch, st.Seq)
			}
		}
	}
	if b.Answer != nil {
		b.Answer.Members = s.beats[b.Agent] + uint64((len(s.data)+1)%2) // heard, or not
		if s.flag() {
			b.Answer.Taken = append(b.Answer.Taken, replyName(s.next()))
		}
	}
	if b.Validate() != nil {
		return nil
	}
	return s.d.Step(s.now, detector.Reported{Batch: &b})
}

// state makes up a state. Bits say what is waited for and held, so that few
// bytes make a cycle.
func (s *script) state(a report.Agent) report.State {
	st := report.State{Key: s.key(a), Epoch: uint64(s.below(4))}
	waits, holds, odd := s.next(), s.next(), s.next()
	for bit := byte(1); bit != 0; bit <<= 1 {
		if waits&bit != 0 {
			kind, name := resource(bit)
			w := report.Wait{Resource: name, Kind: kind, Since: s.now}
			if odd&1 != 0 {
				w.Destination.Key = queueName(bit)
			}
			st.Waits = append(st.Waits, w)
		}
		if holds&bit != 0 {
			kind, name := resource(bit)
			st.Holds = append(st.Holds, report.Hold{Resource: name, Kind: kind, Closes: odd&2 != 0})
		}
	}
	st.Need = min(len(st.Waits), 1+int(odd>>2&3))
	st.Breach, st.Addition = odd&0x10 != 0, odd&0x20 != 0 && len(st.Waits) == 0
	if odd&0x40 != 0 {
		st.Ended = &report.End{Epoch: st.Epoch, Cause: report.Cause(1 + odd&3)}
	}
	if odd&0x80 != 0 {
		s.chain(&st)
	}
	s.seqs[st.Key]++
	st.Seq = s.seqs[st.Key]
	return st
}

// chain gives the last hold a call chain of processes of other agents.
func (s *script) chain(st *report.State) {
	if len(st.Holds) == 0 {
		return
	}
	h := &st.Holds[len(st.Holds)-1]
	for range 1 + s.below(3) {
		_, reply := resource(1 << s.below(4))
		hop := report.Hop{Key: s.key(s.agent()), Epoch: uint64(1 + s.below(4)), Reply: reply, Partial: s.flag()}
		if s.flag() {
			hop.Deadline = s.now.Add(time.Duration(s.next()) * 10 * time.Millisecond)
		}
		h.Chain = append(h.Chain, hop)
	}
}

func (s *script) next() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *script) below(n int) int { return int(s.next()) % n }
func (s *script) flag() bool      { return s.next()&1 != 0 }

func (s *script) agent() report.Agent {
	b := s.next()
	return report.Agent{Name: string('a' + rune(b%3)), Incarnation: 1 + uint64(b/3%2)}
}

func (s *script) key(a report.Agent) report.Key {
	return report.Key{Agent: a, Process: fmt.Sprintf("P%d", s.below(3)), Activation: 1}
}

func (s *script) queue() string { return queueName(s.next()) }

// oneOf returns one of the last IDs, or none of them.
func (s *script) oneOf(ids []uint64) uint64 {
	i := s.below(4)
	if i >= len(ids) {
		return uint64(i)
	}
	return ids[len(ids)-1-i]
}

func queueName(b byte) string { return string('q' + rune(b%2)) }

func replyName(b byte) report.Resource { return report.Resource(fmt.Sprintf("r%d", b%4)) }

// resource names the resource that a bit stands for: five replies, a lock, a
// permit, a buffer.
func resource(bit byte) (report.Kind, report.Resource) {
	switch bit {
	case 0x20:
		return report.Lock, "lock"
	case 0x40:
		return report.Permit, "permit"
	case 0x80:
		return report.Buffer, "buffer"
	}
	n := 0
	for ; bit > 1; bit >>= 1 {
		n++
	}
	return report.Reply, report.Resource(fmt.Sprintf("r%d", n))
}

// check holds the effects of one event to what is promised of them.
func (s *script) check(effects []detector.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case detector.Ask:
			s.asked = append(s.asked, e.Question.Round)
		case detector.CountQueue:
			s.counts = append(s.counts, e.Round)
		case detector.Announce:
			s.announced(&e)
		}
	}
}

func (s *script) announced(a *detector.Announce) {
	v := &a.Verdict
	before, known := s.life[v.ID]
	switch {
	case len(v.Core) == 0:
		s.t.Fatalf("verdict %s about nobody", v.ID)
	case !known && v.Status != detector.Suspected:
		s.t.Fatalf("verdict %s begins as %s", v.ID, v.Status)
	case v.Status == detector.Retracted && before == detector.Confirmed:
		s.t.Fatalf("verdict %s is retracted after it was confirmed", v.ID)
	case v.Status == detector.Suspected && before == detector.Confirmed:
		s.t.Fatalf("verdict %s is in doubt again after it was confirmed", v.ID)
	case v.Contradicted && v.Status != detector.Resolved:
		s.t.Fatalf("verdict %s stands contradicted", v.ID)
	}
	s.confirmed = s.confirmed || v.Status == detector.Confirmed
	if s.life[v.ID] = v.Status; v.Status.Ended() {
		delete(s.life, v.ID)
	}
}
