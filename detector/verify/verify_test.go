package verify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/proof"
)

var asked = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func process(name string) proof.Process {
	return proof.Process{Name: name, Agent: "agent-" + name + "#1", Activation: 1}
}

// member waits for one reply, whose request went to a queue.
func member(name, queue, waits string, holds ...string) proof.Member {
	w := proof.Wait{Resource: waits, Kind: "reply", Key: queue}
	s := proof.State{Epoch: 7, Seq: 3, Need: 1, Waits: []proof.Wait{w}, Holds: holds}
	before, after := s, s
	before.Waits, after.Waits = []proof.Wait{w}, []proof.Wait{w}
	before.Holds, after.Holds = slices.Clone(holds), slices.Clone(holds)
	return proof.Member{Process: process(name), Before: before, After: after, Edges: []proof.Edge{{Resource: waits}}}
}

func answers(names ...string) []proof.Answer {
	var all []proof.Answer
	for _, name := range names {
		all = append(all, proof.Answer{Agent: process(name).Agent, Round: 5, At: asked.Add(time.Millisecond)})
	}
	return all
}

func verdict(p proof.Proof, core ...string) Verdict {
	p.Round, p.Begun, p.Asked, p.Concluded = 5, asked.Add(-2*time.Millisecond), asked, asked.Add(2*time.Millisecond)
	v := Verdict{ID: "v", Proof: &p}
	for _, name := range core {
		v.Core = append(v.Core, Claim{process(name), 7})
	}
	return v
}

// cycle is P and Q, each of which waits for the reply that the other owes. P is
// known from Q's call chain.
func cycle() Verdict {
	p, q := member("P", "q.Q", "r1", "r2"), member("Q", "q.P", "r2", "r1")
	p.Edges[0].Holders, q.Edges[0].Holders = []proof.Process{process("Q")}, []proof.Process{process("P")}
	p.Before.Seq, p.Before.Hinted, p.Before.Waits[0].Key = 0, []proof.Process{process("Q")}, ""
	return verdict(proof.Proof{Members: []proof.Member{p, q}, Answers: answers("P", "Q")}, "P", "Q")
}

// pool is two workers, each of which waits for a request to their own pool.
func pool() Verdict {
	p, q := member("P", "pool", "r1"), member("Q", "pool", "r2")
	p.Edges[0].Queue, q.Edges[0].Queue = "pool", "pool"
	return verdict(proof.Proof{
		Members: []proof.Member{p, q}, Replies: []string{"r1", "r2"}, Answers: answers("P", "Q", "other"),
		Queues: []proof.Queue{{
			Name: "pool", Consumers: []proof.Process{process("P"), process("Q")}, Round: 5, At: asked.Add(-time.Millisecond), Counted: 2, Ready: 2,
		}},
	}, "P", "Q")
}

// choice is P, who needs one of two locks that Q holds, and might get a third
// wait granted if he needed more; and Q, who waits for P.
func choice() Verdict {
	p, q := member("P", "", "l1", "r"), member("Q", "", "r", "l1", "l2")
	p.Edges = []proof.Edge{{Resource: "l1", Holders: []proof.Process{process("Q")}}, {Resource: "l2", Holders: []proof.Process{process("Q")}}}
	for _, s := range []*proof.State{&p.Before, &p.After} {
		s.Waits = []proof.Wait{{Resource: "l1", Kind: "lock"}, {Resource: "l2", Kind: "lock"}}
	}
	q.Edges[0].Holders = []proof.Process{process("P")}
	return verdict(proof.Proof{Members: []proof.Member{p, q}, Answers: answers("P", "Q")}, "P", "Q")
}

// permits is P, who waits for the only permit, and Q, who has it and waits for P.
func permits() Verdict {
	p, q := member("P", "", "s", "r"), member("Q", "", "r", "s")
	for _, s := range []*proof.State{&p.Before, &p.After} {
		s.Waits[0].Kind, s.Waits[0].Holders = "permit", 1
	}
	p.Edges[0].Holders, q.Edges[0].Holders = []proof.Process{process("Q")}, []proof.Process{process("P")}
	return verdict(proof.Proof{Members: []proof.Member{p, q}, Answers: answers("P", "Q")}, "P", "Q")
}

// full is the pool, of which P waits for space in its queue and not for a reply, so
// that a single message in it is enough.
func full() Verdict {
	v := pool()
	p := &v.Proof.Members[0]
	for _, s := range []*proof.State{&p.Before, &p.After} {
		s.Waits[0].Resource, s.Waits[0].Kind = "space//pool", "buffer"
	}
	p.After.Waits[0].Refusals = 2
	p.Edges[0].Resource = "space//pool"
	v.Proof.Replies, v.Proof.Queues[0].Ready = []string{"r2"}, 1
	return v
}

// taken is the pool, of which Q took P's request between the asking and its answer.
func taken() Verdict {
	v := pool()
	v.Proof.Members[1].After.Holds = []string{"r1"}
	v.Proof.Answers[1].Taken = []string{"r1"}
	v.Proof.Queues[0].Ready = 1
	return v
}

func TestRightProofs(t *testing.T) {
	for name, v := range map[string]Verdict{
		"cycle": cycle(), "pool": pool(), "choice": choice(), "full": full(), "permits": permits(), "taken": taken(),
	} {
		checked, err := v.Check()
		if err != nil || len(checked) != 7 {
			t.Errorf("%s: %v after %q", name, err, checked)
		}
	}
}

func TestWhatIsCheckedIsSaid(t *testing.T) {
	checked, err := pool().Check()
	want := []string{
		"2 members, each named once, in well-formed states",
		"asked at 2026-11-21T09:00:00.000000Z in round 5, 3 agents answered after that, the last within 2ms",
		"each was in the same wait epoch, waiting for the same, before the asking and after it",
		"0 waits for what only they hold, and held before the asking and after it",
		"2 waits for requests that all agents deny to have taken or for space, in 1 queue with no consumers but them by the broker's count",
		"when all is granted that others can grant, none of them gets what it needs: nobody can go on",
		`the verdict "v" is about 2 of them`,
	}
	if err != nil || !slices.Equal(checked, want) {
		t.Errorf("%v\n%s", err, strings.Join(checked, "\n"))
	}
}

func TestWrongProofs(t *testing.T) {
	for _, tt := range []struct {
		of    func() Verdict
		wrong func(v *Verdict, p, q *proof.Member)
		says  string
	}{
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof = nil }, "there is no proof"},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof, v.Unproven = nil, "nobody asked" }, "there is no proof: nobody asked"},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Core = nil }, "the verdict names no process"},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Core[0].Epoch++ }, `the verdict is about "P" of agent "agent-P#1" in epoch 8, and the proof is not`},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Members = nil }, "there are no members"},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Members = v.Proof.Members[:1] }, `"P" of agent "agent-P#1" waits for "r1": "Q" of agent "agent-Q#1" holds it, and may go on`},
		{cycle, func(v *Verdict, p, _ *proof.Member) { v.Proof.Members = append(v.Proof.Members, *p) }, `"P" of agent "agent-P#1" is a member twice`},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.Name = "" }, "a member has no name or no agent"},

		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.After.Waits = nil }, "it waits for nothing"},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.After.Need = 2 }, "it needs 2 of 1 waits"},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.Before.Waits[0].Kind = "tea" }, `"tea" is no kind of resource`},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.Edges = nil }, "0 edges for 1 waits"},
		{choice, func(_ *Verdict, p, _ *proof.Member) { p.Edges = p.Edges[1:] }, "1 edges for 2 waits"},
		{choice, func(_ *Verdict, p, _ *proof.Member) { p.After.Waits[1] = p.After.Waits[0] }, `waits: "l1" is there twice`},

		{full, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].Ready = 0 }, `0 messages lie in the queue "pool", not the 1 that are waited for`},
		{full, func(_ *Verdict, p, _ *proof.Member) { p.Before.Waits[0].Refusals = 1 }, `"P" of agent "agent-P#1" waits for space in the queue "pool", and was not refused it while the others waited`},
		{full, func(_ *Verdict, p, _ *proof.Member) { p.Before.Waits[0].Key, p.After.Waits[0].Key = "x", "x" }, `the space is not that of the queue "pool"`},
		{full, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].Counted = 3 }, `the queue "pool" has 3 consumers, of which 2 are named`},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.After.Epoch++ }, `"P" of agent "agent-P#1" was in epoch 7 before the asking and in epoch 8 after it`},
		{cycle, func(_ *Verdict, _, q *proof.Member) { q.Before.Seq = 9 }, `the answer about "Q" of agent "agent-Q#1" is older (seq 3) than what was known before (seq 9)`},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.Before.Hinted = nil }, `nobody had told of "P" of agent "agent-P#1" before the asking, or has after it`},
		{cycle, func(_ *Verdict, _, q *proof.Member) { q.After.Waits[0].Key = "x" }, `waited for "r2" before the asking and for "r2" after it, or not in the same way`},
		{choice, func(_ *Verdict, p, _ *proof.Member) { p.After.Need = 2 }, "needed 1 before the asking and 2 after it"},

		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Answers[1].At = asked.Add(-time.Nanosecond) }, `the agent "agent-Q#1" answered before it was asked`},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Answers[1].At = asked.Add(time.Hour) }, `the agent "agent-Q#1" answered after the conclusion`},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Answers[0].Round = 4 }, `the agent "agent-P#1" answers round 4, not round 5`},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Answers = v.Proof.Answers[1:] }, `the agent of "P" of agent "agent-P#1" has not answered`},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Concluded = asked.Add(-1) }, "it was concluded before it was asked"},
		{cycle, func(v *Verdict, _, _ *proof.Member) { v.Proof.Begun = asked.Add(1) }, "it was asked before it began"},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].At = asked.Add(-time.Hour) }, `the queue "pool" was counted before the round began`},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].At = asked.Add(1) }, `the queue "pool" was counted after the asking`},

		{cycle, func(_ *Verdict, _, q *proof.Member) { q.Before.Holds = nil }, `"P" of agent "agent-P#1" waits for "r1": "Q" of agent "agent-Q#1" did not hold it before the asking`},
		{cycle, func(_ *Verdict, _, q *proof.Member) { q.After.Holds = nil }, `"Q" of agent "agent-Q#1" did not hold it after the asking`},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.Edges[0].Holders = nil }, "nobody is named who holds it"},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.Edges[0].Holders = append(p.Edges[0].Holders, process("S")) }, `"S" of agent "agent-S#1" holds it, and may go on`},
		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.After.Holds = append(p.After.Holds, "r1") }, `"P" of agent "agent-P#1" holds it too, and is not named`},
		{choice, func(_ *Verdict, p, _ *proof.Member) {
			p.Before.Waits[0].Kind, p.After.Waits[0].Kind = "permit", "permit"
		}, `waits for the permit "l1", and nobody vouches for all who can grant it`},
		{permits, func(_ *Verdict, p, _ *proof.Member) { p.Before.Waits[0].Holders, p.After.Waits[0].Holders = 2, 2 }, `waits for the permit "s", and 2 can grant it, of whom 1 are named`},
		{permits, func(_ *Verdict, p, _ *proof.Member) { p.After.Waits[0].Holders = 2 }, `waited for "s" before the asking and for "s" after it, or not in the same way`},
		{permits, func(_ *Verdict, _, q *proof.Member) { q.After.Holds = nil }, `did not hold it after the asking`},

		{pool, func(v *Verdict, _, _ *proof.Member) {
			v.Proof.Queues[0].Consumers = append(v.Proof.Queues[0].Consumers, process("S"))
		}, `the queue "pool" has 2 consumers, of which 3 are named`},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].Consumers[1] = process("S") }, `"S" of agent "agent-S#1" consumes from the queue "pool", and may go on`},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].Consumers = nil }, `nobody consumes from the queue "pool", so anybody may`},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].Counted++ }, `the queue "pool" has 3 consumers, of which 2 are named`},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].Ready-- }, `1 messages lie in the queue "pool", not the 2 that are waited for`},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues = nil }, `nothing is said of the queue "pool"`},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Replies = v.Proof.Replies[1:] }, "nobody was asked whether it was taken"},
		{pool, func(v *Verdict, _, _ *proof.Member) { v.Proof.Answers[2].Taken = []string{"r2"} }, `the agent "agent-other#1" has taken it`},
		{pool, func(_ *Verdict, _, q *proof.Member) { q.After.Holds = []string{"r1"} }, `"Q" of agent "agent-Q#1" holds it, and its agent denies that it was taken`},
		{taken, func(_ *Verdict, _, q *proof.Member) { q.Before.Holds = []string{"r1"} }, `"Q" of agent "agent-Q#1" held it, so it was taken`},
		{taken, func(_ *Verdict, _, q *proof.Member) { q.After.Holds = nil }, `the agent "agent-Q#1" has taken it`},
		{taken, func(_ *Verdict, p, _ *proof.Member) { p.After.Holds = []string{"r1"} }, `the agent "agent-Q#1" has taken it`},
		{taken, func(v *Verdict, _, _ *proof.Member) { v.Proof.Answers[0].Taken = []string{"r1"} }, `the agents "agent-P#1" and "agent-Q#1" have both taken it`},
		{taken, func(v *Verdict, _, _ *proof.Member) {
			v.Proof.Answers[1], v.Proof.Answers[0].Taken = answers("Q")[0], []string{"r1"}
		}, `the agent "agent-P#1" has taken it`},
		{taken, func(v *Verdict, _, _ *proof.Member) {
			v.Proof.Queues[0].Consumers, v.Proof.Queues[0].Counted = []proof.Process{process("P")}, 1
		}, `the agent "agent-Q#1" has taken it`},
		{taken, func(v *Verdict, _, _ *proof.Member) { v.Proof.Queues[0].Ready = 0 }, `0 messages lie in the queue "pool", not the 1 that are waited for`},
		{pool, func(_ *Verdict, p, _ *proof.Member) { p.Before.Waits[0].Key, p.After.Waits[0].Key = "x", "x" }, `the request was not sent to the queue "pool"`},

		{cycle, func(_ *Verdict, p, _ *proof.Member) { p.Edges[0].Open = "X can grant it" }, `"P" of agent "agent-P#1" can go on: it needs 1 of 1, and 1 can be granted; then 2 of 2 go on`},
		{choice, func(_ *Verdict, p, _ *proof.Member) { p.Edges[1].Open = "X can grant it" }, `"P" of agent "agent-P#1" can go on: it needs 1 of 2, and 1 can be granted; then 2 of 2 go on`},
	} {
		v := tt.of()
		tt.wrong(&v, &v.Proof.Members[0], &v.Proof.Members[1])
		if _, err := v.Check(); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("want  %s\ngot  %v", tt.says, err)
		}
	}
}

// TestEveryChangeIsRefused leaves out every member of every object and every
// item of every list, and changes every number and word, one at a time. What
// may change without harm is named.
func TestEveryChangeIsRefused(t *testing.T) {
	harmless := []string{
		".id changed", ".id left out", ".unproven changed", ".unproven left out", // words
		".core short of an item",               // it claims less
		".proof.begun_at changed",              // the queues were counted after an earlier beginning too
		".proof.members.before.seq less",       // an answer may be any number of reports newer
		".proof.members.before.seq left out",   // of a hinted member it is 0
		".proof.members.after.seq less",        // the same
		".proof.members.after.seq more",        // the same
		".proof.queues.ready more",             // more than those that are waited for
		".proof.answers short of an item",      // of an agent that has no member: who was asked is not known
		".proof.answers.agent changed",         // the same
		".proof.answers.agent left out",        // the same
		".proof.members.before.holds left out", // none: the same as an empty list
		".proof.members.after.holds left out",
		".proof.members.after.waits.key changed", // of a hinted member: a call chain tells no destination
		".proof.members.after.waits.key left out",
		".proof.members.before.hinted_by.process changed", // nothing hangs on who told
		".proof.members.before.hinted_by.process left out",
		".proof.members.before.hinted_by.agent changed",
		".proof.members.before.hinted_by.agent left out",
		".proof.members.before.hinted_by.activation left out",
		".proof.members.before.hinted_by.activation more",
		".proof.members.before.hinted_by.activation less",
	}
	for name, of := range map[string]func() Verdict{"cycle": cycle, "pool": pool, "choice": choice} {
		data, err := json.Marshal(of())
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, c := range changes(t, data) {
			var v Verdict
			if json.Unmarshal(c.data, &v) == nil {
				if _, err := v.Check(); err == nil {
					if !slices.Contains(harmless, c.what) {
						t.Errorf("%s: taken all the same: %s", name, c.what)
					}
					continue
				}
			}
			refused++
		}
		if refused < 100 {
			t.Errorf("%s: only %d changes were refused", name, refused)
		}
	}
}

type change struct {
	what string
	data []byte
}

// changes returns all that differ in one place from a JSON document.
func changes(t *testing.T, data []byte) []change {
	var root any
	decode := func() {
		if err := json.Unmarshal(data, &root); err != nil {
			t.Fatal(err)
		}
	}
	decode()
	var all []change
	note := func(what string) {
		changed, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, change{what, changed})
	}
	var visit func(at string, x any, set func(any))
	visit = func(at string, x any, set func(any)) {
		switch x := x.(type) {
		case map[string]any:
			for key, old := range x {
				delete(x, key)
				note(at + "." + key + " left out")
				x[key] = old
				visit(at+"."+key, old, func(y any) { x[key] = y })
			}
		case []any:
			for i, old := range x {
				set(slices.Concat(x[:i:i], x[i+1:]))
				note(at + " short of an item")
				set(x)
				visit(at, old, func(y any) { x[i] = y })
			}
		case float64:
			for _, y := range []float64{x + 1, x - 1} {
				set(y)
				note(at + map[bool]string{true: " more", false: " less"}[y > x])
			}
			set(x)
		case string:
			y := x + "x"
			if at, err := time.Parse(time.RFC3339Nano, x); err == nil {
				y = at.Add(-time.Hour).Format(time.RFC3339Nano)
			}
			set(y)
			note(at + " changed")
			set(x)
		}
	}
	visit("", root, func(any) {})
	return all
}
